// A replicated stream on three real servers whose leaders die while it is written and read.

import { connect } from "@nats-io/transport-node";
import { defineEvent } from "@throughline/contracts";
import { defineService, run, silentLogger } from "@throughline/core";
import { type NatsServer, startNatsCluster } from "@throughline/servers";
import { eventually } from "@throughline/testing";
import { expect, test } from "vitest";
import { z } from "zod";
import { nats } from "../src/index.ts";

const Placed = defineEvent("orders.placed", { key: (order: { id: string }) => order.id }).version(
  1,
  z.object({ id: z.string() }),
);

async function streamLeader(url: string): Promise<string | undefined> {
  const connection = await connect({ servers: url.split(",") });
  try {
    const info = await connection.request("$JS.API.STREAM.INFO.ORDERS", "", { timeout: 2_000 });
    return info.json<{ cluster?: { leader?: string } }>().cluster?.leader;
  } finally {
    await connection.close();
  }
}

test("loses nothing while the leader of a three-node stream is killed again and again", async () => {
  await using cluster = await startNatsCluster();
  const handled = new Set<string>();
  const service = defineService("stock", { publishes: [Placed] }).on(Placed, ({ id }) => handled.add(id));
  await using running = await run(service, {
    transport: nats({ servers: cluster.url, streams: { replicas: 3 } }),
    logger: silentLogger,
    signals: false,
  });
  const publications: Promise<unknown>[] = [];
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index < 300; index++) {
      publications.push(running.publish(Placed, { id: `${round}-${index}` }));
    }
    const leader = await eventually(() => streamLeader(cluster.url).catch(() => undefined));
    const server = cluster.servers[Number(leader.slice(1)) - 1] as NatsServer;
    await server.kill();
    for (let index = 300; index < 600; index++) {
      publications.push(running.publish(Placed, { id: `${round}-${index}` }));
    }
    await Promise.all(publications);
    await server.start();
  }
  await eventually(() => handled.size === 1_200, { timeoutMs: 40_000 });
  expect(handled.size).toBe(1_200);
});
