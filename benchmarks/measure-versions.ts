// What evolution costs a reader: a backlog of version 1 through four upcasters beside one of the newest version, on one
// server; and what the parts cost alone, with each of three validators.

import { defineEvent, type EventContract, type EventInput } from "@throughline/contracts";
import { defineService, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { startNatsServer } from "@throughline/servers";
import { type } from "arktype";
import * as v from "valibot";
import { measureRate, startTracing } from "./bench-system.ts";
import { createEvolvedOrder, EvolvedOrder } from "./evolved-order.ts";
import { createOrder, OrderPlaced } from "./order-contract.ts";
import { median, round } from "./statistics.ts";

export interface VersionFigures {
  /** Messages a second, version 5 of 5. */
  readonly consumeNewest: number;
  /** Messages a second, version 1 of 5. */
  readonly consumeOldest: number;
  /** Time of an old message by the time of a new one; the target is 2 at most. */
  readonly ratio: number;
  /** Validating alone, in microseconds an event. */
  readonly validateUs: { readonly zod: number; readonly valibot: number; readonly arktype: number };
  /** `parseVersion` alone, in microseconds an event. */
  readonly parseUs: { readonly newest: number; readonly oldest: number };
}

const count = 40_000;
const rounds = 5;
type Version = 1 | 5;

export async function measureVersions(): Promise<VersionFigures> {
  startTracing();
  await using server = await startNatsServer();
  const samples = { 1: [] as number[], 5: [] as number[] };
  for (const version of [1, 5] as const) {
    await fill(server.url, version);
    // Each version is alone in the stream while it is read.
    for (let index = 0; index <= rounds; index++) {
      const rate = await consume(server.url, `v${version}-${index}`);
      if (index > 0) {
        samples[version].push(rate);
      }
    }
    await purge(server.url);
  }
  const [oldest, newest] = [median(samples[1]), median(samples[5])];
  return {
    consumeNewest: Math.round(newest),
    consumeOldest: Math.round(oldest),
    ratio: round(newest / oldest),
    validateUs: measureValidators(),
    parseUs: measureParsing(),
  };
}

async function fill(url: string, version: Version): Promise<void> {
  const service = defineService("bench", { publishes: [EvolvedOrder] });
  const options = { transport: nats({ servers: url }), logger: silentLogger, signals: false };
  const publisher = await run(service, { ...options, publishVersions: { "orders.evolved": version } });
  await measureRate(count, 1_024, (number) => publisher.publish(EvolvedOrder, createEvolvedOrder(number)));
  await publisher.stop();
}

async function purge(url: string): Promise<void> {
  const { connect } = await import("@nats-io/transport-node");
  const connection = await connect({ servers: url });
  await connection.request("$JS.API.STREAM.PURGE.ORDERS");
  await connection.close();
}

async function consume(url: string, name: string): Promise<number> {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  let received = 0;
  let startedAt = 0;
  const service = defineService("bench").on(EvolvedOrder, { name, concurrency: 256 }, () => {
    startedAt ||= performance.now();
    if (++received === count) {
      resolve();
    }
  });
  const transport = nats({ servers: url });
  await using _running = await run(service, { transport, logger: silentLogger, signals: false });
  await done;
  return (count / (performance.now() - startedAt)) * 1_000;
}

const key = (order: { orderId: string }) => order.orderId;

function measureValidators(): VersionFigures["validateUs"] {
  const item = {
    sku: v.string(),
    quantity: v.pipe(v.number(), v.integer()),
    unitPriceCents: v.pipe(v.number(), v.integer()),
  };
  const valibot = v.object({
    orderId: v.string(),
    customerId: v.string(),
    items: v.array(v.object(item)),
    currency: v.string(),
  });
  const arkItem = { sku: "string", quantity: "number.integer", unitPriceCents: "number.integer" } as const;
  const arktype = type({ orderId: "string", customerId: "string", items: type(arkItem).array(), currency: "string" });
  return {
    zod: microsecondsOf(OrderPlaced),
    valibot: microsecondsOf(defineEvent("orders.valibot", { key }).version(1, valibot)),
    arktype: microsecondsOf(defineEvent("orders.arktype", { key }).version(1, arktype)),
  };
}

function microsecondsOf<Data>(contract: EventContract<string, Data, unknown>): number {
  const orders = Array.from({ length: 1_000 }, (_, number) => createOrder(number));
  return measureEach(orders, (order) => contract.parse(order));
}

function measureParsing(): VersionFigures["parseUs"] {
  const newest = Array.from(
    { length: 1_000 },
    (_, number): EventInput<typeof EvolvedOrder> => createEvolvedOrder(number),
  );
  const oldest = newest.map((order) => EvolvedOrder.downcast(1, order));
  return {
    newest: measureEach(newest, (order) => EvolvedOrder.parseVersion(5, order)),
    oldest: measureEach(oldest, (order) => EvolvedOrder.parseVersion(1, order)),
  };
}

/** Median of many passes, in microseconds for one. */
function measureEach<Value>(values: readonly Value[], use: (value: Value) => unknown): number {
  const passes = Array.from({ length: 60 }, () => {
    const startedAt = performance.now();
    for (const value of values) {
      use(value);
    }
    return ((performance.now() - startedAt) * 1_000) / values.length;
  });
  return round(median(passes.slice(10)));
}
