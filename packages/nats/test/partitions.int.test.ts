// What a partitioned subscription does about its own past: another number of partitions, and a time without any.

import { defineService, type RunningService, run, type SubscriptionOptions, silentLogger } from "@throughline/core";
import { type NatsServer, startNatsServer } from "@throughline/servers";
import { defineItem, eventually } from "@throughline/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { nats } from "../src/index.ts";

let server: NatsServer;
beforeAll(async () => {
  server = await startNatsServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function startWriter(context: string) {
  const Made = defineItem(`${context}.made`);
  const settings = { transport: nats({ servers: server.url }), logger: silentLogger, signals: false };
  const writer = await run(defineService("writer", { publishes: [Made] }), settings);
  const handled: number[] = [];
  const startReader = (options: SubscriptionOptions): Promise<RunningService> =>
    run(
      defineService("reader").on(Made, options, ({ n }) => {
        handled.push(n);
      }),
      settings,
    );
  const publish = (from: number, to: number) =>
    Promise.all(
      Array.from({ length: to - from }, (_, index) =>
        writer.publish(Made, { key: `k${(from + index) % 7}`, n: from + index }),
      ),
    );
  return { writer, handled, startReader, publish };
}

test("another number of partitions is refused while the queue is there, and says what to do", async () => {
  const { writer, handled, startReader, publish } = await startWriter("drift");
  const four = await startReader({ partitions: 4 });
  await publish(0, 10);
  await eventually(() => handled.length === 10);
  await four.stop();
  const refused = await startReader({ partitions: 8 }).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "NATS_STREAM_DRIFT", details: { stream: "DRIFT-reader-made" } });
  await writer.stop();
});

test("a subscription that is partitioned later goes on behind what it had settled", async () => {
  const { writer, handled, startReader, publish } = await startWriter("growth");
  const plain = await startReader({ order: "key" });
  await publish(0, 50);
  await eventually(() => handled.length === 50);
  await plain.stop();
  await publish(50, 80);
  const partitioned = await startReader({ partitions: 4 });
  await publish(80, 120);
  await eventually(() => handled.length >= 120);
  expect(handled.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 120 }, (_, n) => n));
  for (let key = 0; key < 7; key++) {
    const ofKey = handled.filter((n) => n % 7 === key);
    expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b));
  }
  await Promise.all([partitioned.stop(), writer.stop()]);
});
