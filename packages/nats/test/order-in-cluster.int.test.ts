// Order per key when a reader's connection breaks, and the member of the cluster that leads its consumer goes on: that one
// still has the requests from before.

import { setTimeout as sleep } from "node:timers/promises";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { defineService, type Logger, run, silentLogger } from "@throughline/core";
import { startNatsCluster } from "@throughline/servers";
import { defineItem, eventually, findOrderViolations, type Item, startFaultyProxy } from "@throughline/testing";
import { expect, test } from "vitest";
import { nats } from "../src/index.ts";

const Made = defineItem("moves.made");
const options = { logger: silentLogger, signals: false };

/** Has any other member lead the reader's consumer than the one that the reader is connected to. */
async function leadElsewhere(observer: NatsConnection, member: string): Promise<void> {
  await eventually(
    async () => {
      const info = await observer.request("$JS.API.CONSUMER.INFO.MOVES.reader-made");
      const leader = info.json<{ cluster?: { leader?: string } }>().cluster?.leader;
      if (leader === member) {
        await observer.request("$JS.API.CONSUMER.LEADER.STEPDOWN.MOVES.reader-made");
      }
      return leader !== undefined && leader !== member;
    },
    { intervalMs: 200 },
  );
}

test("keeps the order of a key when the reader's connection breaks and its consumer's leader goes on", async () => {
  await using cluster = await startNatsCluster({ advertise: false });
  const [member] = cluster.servers;
  const port = Number(new URL(member.url).port);
  await using first = await startFaultyProxy(port);
  await using second = await startFaultyProxy(port);
  const arrivals: Item[] = [];
  const reader = defineService("reader").on(Made, { order: "key" }, (item) => {
    arrivals.push(item);
  });
  let reconnects = 0;
  const logger: Logger = {
    ...silentLogger,
    info: (_fields, message) => {
      reconnects += message === "reconnected" ? 1 : 0;
    },
    child: () => logger,
  };
  const servers = [first, second].map((proxy) => `127.0.0.1:${proxy.port}`);
  await using _reading = await run(reader, {
    transport: nats({ servers, streams: { replicas: 3 } }),
    ...options,
    logger,
  });
  const writing = defineService("writer", { publishes: [Made] });
  await using writer = await run(writing, { transport: nats({ servers: cluster.url }), ...options });
  const observer = await connect({ servers: member.url });
  await leadElsewhere(observer, "n1");
  let published = 0;
  const publish = async (count: number) => {
    const items = Array.from({ length: count }, () => ({ key: `k${published % 3}`, n: published++ }));
    await Promise.all(items.map((item) => writer.publish(Made, item)));
  };
  await publish(30);
  await eventually(() => arrivals.length === 30);
  // A connection that lasted for longer than the pause between two attempts is made anew at once.
  await sleep(2_500);
  const cutAt = performance.now();
  const lost = Promise.all([first.loseAndCut(100), second.loseAndCut(100)]);
  await publish(20);
  await lost;
  await eventually(() => reconnects === 1);
  await publish(50);
  await sleep(5_000);
  await Promise.all([first.loseAndCut(0), second.loseAndCut(0)]);
  await eventually(() => new Set(arrivals.map(({ n }) => n)).size === published, { timeoutMs: 45_000 });
  expect(findOrderViolations(arrivals)).toEqual([]);
  // The second cut lost nothing, as nothing was asked for: it did not make the wait of 11 s begin again.
  expect(performance.now() - cutAt).toBeLessThan(15_000);
  await observer.close();
});
