// From the call of publish to the start of the handler, at 1,000 messages a second: raw nats.js beside ours, in turns.

import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { defineService, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { startNatsServer } from "@throughline/servers";
import { startTracing } from "./bench-system.ts";
import { createOrder, OrderPlaced } from "./order-contract.ts";
import { median, quantile, round } from "./statistics.ts";

export interface LatencyFigures {
  readonly rawP50Ms: number;
  readonly rawP99Ms: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p50Ratio: number;
  readonly p99Ratio: number;
}

const perRound = 3_000;
const rounds = 3;
const perTick = 1;
const tickMs = 1;

export async function measureLatency(): Promise<LatencyFigures> {
  startTracing();
  await using server = await startNatsServer();
  const arrivals = new Map<string, (now: number) => void>();
  const arrive = (orderId: string) => arrivals.get(orderId)?.(performance.now());
  const service = defineService("bench", { publishes: [OrderPlaced] }).on(OrderPlaced, ({ orderId }) =>
    arrive(orderId),
  );
  await using running = await run(service, {
    transport: nats({ servers: server.url }),
    logger: silentLogger,
    signals: false,
  });
  const connection = await connect({ servers: server.url });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: "RAW", subjects: ["raw.>"] });
  await manager.consumers.add("RAW", { durable_name: "raw", ack_policy: "explicit" });
  const consumer = await jetstream(connection).consumers.get("RAW", "raw");
  const messages = await consumer.consume({
    callback: (message) => {
      arrive(message.json<{ orderId: string }>().orderId);
      message.ack();
    },
  });
  const stream = jetstream(connection);
  const publishRaw = (order: ReturnType<typeof createOrder>) =>
    stream.publish(`raw.${order.orderId}`, JSON.stringify(order));
  const publishOurs = (order: ReturnType<typeof createOrder>) => running.publish(OrderPlaced, order);

  const raw: number[][] = [];
  const ours: number[][] = [];
  for (let index = 0; index <= rounds; index++) {
    const rawSamples = await sendSteadily(arrivals, publishRaw);
    const ourSamples = await sendSteadily(arrivals, publishOurs);
    // The first round warms up.
    if (index > 0) {
      raw.push(rawSamples);
      ours.push(ourSamples);
    }
  }
  messages.stop();
  await connection.close();
  const of = (samples: number[][], q: number) => median(samples.map((round) => quantile(round, q)));
  const [rawP50Ms, rawP99Ms, p50Ms, p99Ms] = [of(raw, 0.5), of(raw, 0.99), of(ours, 0.5), of(ours, 0.99)];
  return {
    rawP50Ms: round(rawP50Ms, 3),
    rawP99Ms: round(rawP99Ms, 3),
    p50Ms: round(p50Ms, 3),
    p99Ms: round(p99Ms, 3),
    p50Ratio: round(p50Ms / rawP50Ms),
    p99Ratio: round(p99Ms / rawP99Ms),
  };
}

async function sendSteadily(
  arrivals: Map<string, (now: number) => void>,
  publish: (order: ReturnType<typeof createOrder>) => Promise<unknown>,
): Promise<number[]> {
  const latencies: Promise<number>[] = [];
  const startedAt = performance.now();
  for (let number = 0; number < perRound; number += perTick) {
    while (performance.now() < startedAt + (number / perTick) * tickMs) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const order = createOrder(number);
    const sentAt = performance.now();
    latencies.push(
      new Promise((resolve) => {
        arrivals.set(order.orderId, (now) => {
          arrivals.delete(order.orderId);
          resolve(now - sentAt);
        });
      }),
    );
    void publish(order);
  }
  return Promise.all(latencies);
}
