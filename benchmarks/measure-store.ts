// What once-only effects cost: the relay's rate from a backlog beside the raw publisher, the time from commit to stored
// when idle, and handlers with inbox, effect and outbox beside the same statements by bare `pg`. Without an SDK: what tracing
// costs is measured by itself.

import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { ceHeaders } from "@throughline/contracts";
import { defineService, type OutgoingMessage, run, type StoreConnection, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { postgres } from "@throughline/postgres";
import { startNatsServer, startPostgres } from "@throughline/servers";
import pg from "pg";
import { measureRate } from "./bench-system.ts";
import { fillStream } from "./fill-stream.ts";
import { createOrder, OrderConfirmed, OrderPlaced } from "./order-contract.ts";
import { median, quantile, round as roundTo } from "./statistics.ts";

export interface StoreFigures {
  /** Events a second out of a backlog of 100,000, by one relay. */
  readonly relay: number;
  /** Raw `js.publish`, 1,024 in flight. */
  readonly rawPublish: number;
  readonly relayRatio: number;
  /** Milliseconds from a commit to the stream's word, one at a time. */
  readonly commitToStored: { readonly p50: number; readonly p99: number };
  /** Transactions a second with inbox, one effect and one outbox row. */
  readonly handle: number;
  /** The same while the relay publishes beside it. */
  readonly handleAndRelay: number;
  /** The same statements by bare `pg`, with the same concurrency. */
  readonly bare: number;
  readonly handleRatio: number;
}

const effectsTable = "create table effects (order_id text primary key, cents int)";
const backlog = 100_000;
const handled = 8_000;
const rounds = 5;
const concurrency = 16;
const probes = 300;

export async function measureStore(): Promise<StoreFigures> {
  await using broker = await startNatsServer();
  await using database = await startPostgres();
  const connection = await connect({ servers: broker.url });
  const manager = await jetstreamManager(connection);
  await fillStream(broker.url, handled);
  const samples = { bare: [] as number[], handle: [] as number[], both: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const fresh = (name: string) => database.database(`${name}${round}`);
    samples.bare.push(await measureBare(broker.url, await fresh("bare")));
    samples.handle.push(await measureHandlers(broker.url, await fresh("alone"), `alone${round}`, false));
    samples.both.push(await measureHandlers(broker.url, await fresh("both"), `both${round}`, true));
  }
  const [bare, handle, handleAndRelay] = [median(samples.bare), median(samples.handle), median(samples.both)];
  await manager.streams.purge("ORDERS");
  const stream = jetstream(connection);
  const body = JSON.stringify(createOrder(1));
  const rawPublish = await measureRate(40_000, 1_024, (n) => stream.publish(`orders.placed.raw-${n}`, body));
  await manager.streams.purge("ORDERS");
  const url = await database.database("relay");
  const relay = await measureRelay(broker.url, url);
  const commitToStored = await measureLatency(broker.url, url);
  await connection.close();
  return {
    relay: Math.round(relay),
    rawPublish: Math.round(rawPublish),
    relayRatio: roundTo(relay / rawPublish),
    commitToStored,
    handle: Math.round(handle),
    handleAndRelay: Math.round(handleAndRelay),
    bare: Math.round(bare),
    handleRatio: roundTo(handle / bare),
  };
}

function orderMessage(number: number): OutgoingMessage {
  const headers = new Map<string, string>(Object.values(ceHeaders).map((name) => [name, `value-of-${number}`]));
  const subject = `orders.placed.order-${number}`;
  return { subject, headers, body: JSON.stringify(createOrder(number)), messageId: `id-${number}`, orderKey: subject };
}

async function openStore(
  brokerUrl: string,
  url: string,
  relay: boolean,
  onStored: (messageId: string) => void,
): Promise<StoreConnection & AsyncDisposable> {
  const transport = await nats({ servers: brokerUrl }).connect({ service: "bench", logger: silentLogger });
  const store = await postgres({ url, relay }).connect({
    service: "bench",
    logger: silentLogger,
    publish: async (message) => {
      const receipt = await transport.publish(message);
      onStored(message.messageId);
      return receipt;
    },
  });
  return Object.assign(store, {
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await transport.close();
    },
  });
}

async function measureRelay(brokerUrl: string, url: string): Promise<number> {
  {
    await using writer = await openStore(brokerUrl, url, false, () => undefined);
    for (let from = 0; from < backlog; from += 1_000) {
      await writer.transaction(async ({ enqueue }) => {
        for (let number = from; number < from + 1_000; number++) {
          await enqueue(orderMessage(number));
        }
      });
    }
  }
  let stored = 0;
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const startedAt = performance.now();
  await using _relay = await openStore(brokerUrl, url, true, () => {
    if (++stored === backlog) {
      resolve();
    }
  });
  await done;
  return (backlog / (performance.now() - startedAt)) * 1_000;
}

async function measureLatency(brokerUrl: string, url: string): Promise<StoreFigures["commitToStored"]> {
  let onStored: () => void = () => undefined;
  await using store = await openStore(brokerUrl, url, true, () => onStored());
  const samples: number[] = [];
  for (let probe = 0; probe < probes; probe++) {
    const { promise, resolve } = Promise.withResolvers<void>();
    onStored = resolve;
    await store.transaction(({ enqueue }) => enqueue(orderMessage(backlog + probe)));
    const committedAt = performance.now();
    await promise;
    samples.push(performance.now() - committedAt);
    await new Promise((wait) => setTimeout(wait, 10));
  }
  return { p50: roundTo(quantile(samples, 0.5)), p99: roundTo(quantile(samples, 0.99)) };
}

async function measureHandlers(brokerUrl: string, url: string, name: string, relay: boolean): Promise<number> {
  await runStatements(url, effectsTable);
  let count = 0;
  let startedAt = 0;
  const { promise: done, resolve } = Promise.withResolvers<void>();
  // An event of the same order: one row. One of another key would write a second, which links the key to the journey.
  const service = defineService("bench", { publishes: [OrderConfirmed] });
  service.on(OrderPlaced, { name, concurrency }, async (order, context) => {
    startedAt ||= performance.now();
    await context.tx.query("insert into effects values ($1, $2)", [order.orderId, 100]);
    await context.publish(OrderConfirmed, order);
    if (++count === handled) {
      resolve();
    }
  });
  const options = { transport: nats({ servers: brokerUrl }), logger: silentLogger, signals: false };
  await using _running = await run(service, { ...options, store: postgres({ url, relay }) });
  await done;
  return (handled / (performance.now() - startedAt)) * 1_000;
}

/** The same three rows in the same tables, in one transaction, by hand. */
async function measureBare(brokerUrl: string, url: string): Promise<number> {
  await (await openStore(brokerUrl, url, false, () => undefined))[Symbol.asyncDispose]();
  await runStatements(url, effectsTable);
  const pool = new pg.Pool({ connectionString: url, max: concurrency });
  const rate = await measureRate(handled, concurrency, async (number) => {
    const { subject, headers, body, messageId } = orderMessage(number);
    const client = await pool.connect();
    await client.query("begin");
    await client.query("insert into throughline.inbox (durable, event_id) values ($1, $2) on conflict do nothing", [
      "bench",
      `id-${number}`,
    ]);
    await client.query("insert into effects values ($1, $2)", [`order-${number}`, 100]);
    await client.query(
      `insert into throughline.outbox (lane, subject, order_key, message_id, headers, body)
       values ($1, $2, $3, $4, $5, $6)`,
      [number % 64, subject, subject, messageId, JSON.stringify(Object.fromEntries(headers)), body],
    );
    await client.query("commit");
    client.release();
  });
  await pool.end();
  return rate;
}

async function runStatements(url: string, ...statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const statement of statements) {
    await client.query(statement);
  }
  await client.end();
}
