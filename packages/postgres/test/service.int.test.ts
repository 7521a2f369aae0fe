// A service with a store between a real broker and a real Postgres, both of which die under it: every effect once, every
// event that follows from it once, nothing lost.

import { defineEvent } from "@throughline/contracts";
import { defineService, type RunningService, run, silentLogger } from "@throughline/core";
import { nats, openStoredEvents } from "@throughline/nats";
import { postgres } from "@throughline/postgres";
import { type NatsServer, type PostgresServer, startNatsServer, startPostgres } from "@throughline/servers";
import { eventually } from "@throughline/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { openPool, query } from "./test-database.ts";

const key = (order: { id: string }) => order.id;
const Placed = defineEvent("orders.placed", { key }).version(1, z.object({ id: z.string() }));
const Reserved = defineEvent("stock.reserved", { key }).version(1, z.object({ id: z.string(), n: z.int() }));

let broker: NatsServer;
let database: PostgresServer;
let url: string;

beforeAll(async () => {
  [broker, database] = await Promise.all([startNatsServer(), startPostgres()]);
  url = await database.database("stock");
  await query(url, "create table reservations (id text not null)");
});
afterAll(async () => {
  await Promise.all([broker[Symbol.asyncDispose](), database[Symbol.asyncDispose]()]);
});

const options = () => ({ transport: nats({ servers: broker.url }), logger: silentLogger, signals: false });

function startStock(name = "reserve", slowMs = 0): Promise<RunningService> {
  const stock = defineService("stock", { publishes: [Reserved] });
  stock.on(Placed, { name, concurrency: 8 }, async ({ id }, context) => {
    await context.tx.query("insert into reservations values ($1)", [id]);
    await new Promise((resolve) => setTimeout(resolve, slowMs));
    const { rows } = await context.tx.query<{ n: number }>(
      "select count(*)::int as n from reservations where id = $1",
      [id],
    );
    await context.publish(Reserved, { id, n: rows[0]?.n ?? 0 });
  });
  return run(stock, { ...options(), store: postgres({ url }) }) as unknown as Promise<RunningService>;
}

async function storedOf(context: string): Promise<{ id: string; messageId: string | undefined }[]> {
  await using reader = await openStoredEvents(broker.url);
  const messages = await reader.messages(context.toUpperCase(), `${context}.>`);
  return messages.map(({ message }) => ({
    id: (JSON.parse(Buffer.from(message.body).toString()) as { id: string }).id,
    messageId: message.headers.get("ce-id"),
  }));
}

describe("a service with a store", () => {
  test("handles each event once, and publishes once, while broker and database die and instances come and go", async () => {
    const count = 300;
    const shop = await run(defineService("shop", { publishes: [Placed] }), options());
    let instances = [await startStock("reserve", 5), await startStock("reserve", 5)];
    const ids = Array.from({ length: count }, (_, n) => `order-${n}`);
    const placing = (async () => {
      for (const id of ids) {
        await shop.publish(Placed, { id });
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })();
    const effects = async () =>
      Number((await query<{ n: string }>(url, "select count(*) as n from reservations"))[0]?.n);
    await eventually(async () => (await effects()) > 30);
    await database.kill();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await database.start();
    await eventually(async () => (await effects()) > 90, { timeoutMs: 60_000 });
    await broker.kill();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await broker.start();
    await eventually(async () => (await effects()) > 150, { timeoutMs: 60_000 });
    await instances[0]?.stop();
    instances = [instances[1] as RunningService, await startStock("reserve", 5)];
    await placing;
    await eventually(async () => (await effects()) >= count, { timeoutMs: 60_000 });
    await eventually(async () => (await storedOf("stock")).length >= count);
    await Promise.all([shop, ...instances].map((service) => service.stop()));

    const rows = await query<{ id: string }>(url, "select id from reservations");
    expect(rows.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    const published = await storedOf("stock");
    expect(published.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect(new Set(published.map(({ messageId }) => messageId)).size).toBe(count);
    expect(await query(url, "select 1 from throughline.outbox where sent_at is null")).toEqual([]);
  });

  test("keeps what it published while the broker is away, and publishes it when it is back", async () => {
    const shop = defineService("shop", { publishes: [Placed] });
    const pool = openPool(url, 4);
    const running = await run(shop, { ...options(), store: postgres({ pool, schema: "shop" }) });
    await broker.stop();
    await running.transaction(async (tx) => {
      await tx.query("create table if not exists orders (id text)");
      await tx.query("insert into orders values ('kept')");
      await running.publish(Placed, { id: "kept" }, { transaction: tx });
    });
    await expect(
      running.transaction(async (tx) => {
        await running.publish(Placed, { id: "never" }, { transaction: tx });
        throw new Error("changed my mind");
      }),
    ).rejects.toThrow("changed my mind");
    await broker.start();
    await eventually(async () => (await storedOf("orders")).some(({ id }) => id === "kept"));
    expect((await storedOf("orders")).some(({ id }) => id === "never")).toBe(false);
    await running.stop();
    await pool.end();
  });

  test("publishes nothing of an attempt that fails after it published", async () => {
    const shop = await run(defineService("shop", { publishes: [Placed] }), options());
    const phantom = defineService("phantom", { publishes: [Reserved] });
    const attempts: number[] = [];
    const policy = { retry: { attempts: 3, initialDelayMs: 10, maxDelayMs: 20 } };
    phantom.on(Placed, { name: "fails", policy, startFrom: "new" }, async ({ id }, context) => {
      attempts.push(context.attempt);
      await context.publish(Reserved, { id, n: context.attempt });
      throw new Error("after publishing");
    });
    const running = await run(phantom, { ...options(), store: postgres({ url, schema: "phantom" }) });
    await shop.publish(Placed, { id: "phantom" });
    await eventually(() => attempts.length === 3);
    await Promise.all([running.stop(), shop.stop()]);
    expect((await storedOf("stock")).some(({ id }) => id === "phantom")).toBe(false);
    expect(await query(url, "select 1 from phantom.outbox")).toEqual([]);
  });

  test("says what is missing: a store for context.tx and for publishing in a transaction", async () => {
    const shop = await run(defineService("shop", { publishes: [Placed] }), options());
    const missing = { code: "STORE_MISSING" };
    await expect(shop.transaction(() => undefined)).rejects.toMatchObject(missing);
    await expect(shop.publish(Placed, { id: "1" }, { transaction: {} })).rejects.toMatchObject(missing);
    await shop.stop();
    const nowhere = run(defineService("shop"), { ...options(), store: postgres({ url: "postgres://127.0.0.1:1/x" }) });
    await expect(nowhere).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });

  test("gives up a transaction whose attempt takes too long, and commits the next attempt alone", async () => {
    const shop = await run(defineService("shop", { publishes: [Placed] }), options());
    const stock = defineService("late", { publishes: [Reserved] });
    const policy = { timeoutMs: 400, retry: { attempts: 5, initialDelayMs: 20, maxDelayMs: 40 } };
    stock.on(Placed, { name: "slow", policy, startFrom: "new" }, async ({ id }, context) => {
      await context.tx.query("insert into reservations values ($1)", [id]);
      if (context.attempt === 1) {
        await new Promise((resolve) => setTimeout(resolve, 900));
      }
    });
    const running = await run(stock, { ...options(), store: postgres({ url, schema: "late" }) });
    await shop.publish(Placed, { id: "too-slow" });
    const rows = () => query(url, "select 1 from reservations where id = 'too-slow'");
    await eventually(async () => (await rows()).length > 0);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await rows()).toHaveLength(1);
    await Promise.all([running.stop(), shop.stop()]);
  });
});
