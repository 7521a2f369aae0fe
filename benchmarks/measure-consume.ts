// Messages a second from a backlog: raw nats.js by iterator and by callback (parse and ack), ours with validation, a
// sampled span, lanes and ack, and nats.go (parse and ack). In turns, on one server, each with a fresh durable consumer.

import { type ConsumerMessages, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { defineService, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { startNatsServer } from "@throughline/servers";
import { startTracing } from "./bench-system.ts";
import { fillStream } from "./fill-stream.ts";
import { runGo } from "./go-peer.ts";
import { OrderPlaced } from "./order-contract.ts";
import { median, round } from "./statistics.ts";

export interface ConsumeFigures {
  /** Messages a second. */
  readonly rawIterator: number;
  readonly rawCallback: number;
  readonly throughline: number;
  readonly ratioIterator: number;
  readonly ratioCallback: number;
  /** Null where Go is not installed. */
  readonly go: number | null;
}

const count = 40_000;
const rounds = 5;
const maxMessages = 500;

export async function measureConsume(): Promise<ConsumeFigures> {
  startTracing();
  await using server = await startNatsServer();
  const connection = await connect({ servers: server.url });
  await fillStream(server.url, count);
  const samples = {
    iterator: [] as number[],
    callback: [] as number[],
    throughline: [] as number[],
    go: [] as number[],
  };
  for (let index = 0; index <= rounds; index++) {
    const iterator = await consumeByIterator(connection, await createDurable(connection, `iterator-${index}`));
    const callback = await consumeByCallback(connection, await createDurable(connection, `callback-${index}`));
    const throughline = await consumeWithThroughline(server.url, `run-${index}`);
    const go = await runGo(["consume", server.url, String(count), await createDurable(connection, `go-${index}`)]);
    // The first round warms up.
    if (index > 0) {
      samples.iterator.push(iterator);
      samples.callback.push(callback);
      samples.throughline.push(throughline);
      samples.go.push(...(go === undefined ? [] : [Number(go)]));
    }
  }
  await connection.close();
  const [iterator, callback, throughline] = [
    median(samples.iterator),
    median(samples.callback),
    median(samples.throughline),
  ];
  return {
    rawIterator: Math.round(iterator),
    rawCallback: Math.round(callback),
    throughline: Math.round(throughline),
    ratioIterator: round(throughline / iterator),
    ratioCallback: round(throughline / callback),
    go: samples.go.length === 0 ? null : Math.round(median(samples.go)),
  };
}

async function createDurable(connection: NatsConnection, name: string): Promise<string> {
  const manager = await jetstreamManager(connection);
  await manager.consumers.add("ORDERS", { durable_name: name, ack_policy: "explicit", max_ack_pending: 10_000 });
  return name;
}

async function consumeByIterator(connection: NatsConnection, durable: string): Promise<number> {
  const consumer = await jetstream(connection).consumers.get("ORDERS", durable);
  const messages = await consumer.consume({ max_messages: maxMessages });
  const clock = startOnFirst();
  let received = 0;
  for await (const message of messages) {
    clock.start();
    message.json();
    message.ack();
    if (++received === count) {
      break;
    }
  }
  return clock.rate();
}

async function consumeByCallback(connection: NatsConnection, durable: string): Promise<number> {
  const consumer = await jetstream(connection).consumers.get("ORDERS", durable);
  const clock = startOnFirst();
  let messages: ConsumerMessages | undefined;
  await new Promise<void>((resolve) => {
    let received = 0;
    const consuming = consumer.consume({
      max_messages: maxMessages,
      callback: (message) => {
        clock.start();
        message.json();
        message.ack();
        if (++received === count) {
          resolve();
        }
      },
    });
    void consuming.then((running) => {
      messages = running;
    });
  });
  const rate = clock.rate();
  messages?.stop();
  return rate;
}

async function consumeWithThroughline(url: string, name: string): Promise<number> {
  const clock = startOnFirst();
  const { promise: done, resolve } = Promise.withResolvers<void>();
  let received = 0;
  const service = defineService("bench").on(OrderPlaced, { name, concurrency: 256 }, () => {
    clock.start();
    if (++received === count) {
      resolve();
    }
  });
  await using _running = await run(service, {
    transport: nats({ servers: url }),
    logger: silentLogger,
    signals: false,
  });
  await done;
  return clock.rate();
}

/** Counts from the first message on, so that no start-up is measured. */
function startOnFirst(): { start(): void; rate(): number } {
  let startedAt: number | undefined;
  return {
    start: () => {
      startedAt ??= performance.now();
    },
    rate: () => (count / (performance.now() - (startedAt ?? 0))) * 1_000,
  };
}
