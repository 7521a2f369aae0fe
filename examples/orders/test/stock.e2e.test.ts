// The stock on a real Postgres, with many customers at once: never below nothing, never less sold than there is.

import type { SqlTransaction } from "@throughline/core";
import { type PostgresServer, startPostgres } from "@throughline/servers";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { countInBins, fillBins } from "../inventory/bins.ts";
import { release, reserve, stockTables } from "../inventory/stock.ts";

let server: PostgresServer;
let pool: pg.Pool;

beforeAll(async () => {
  server = await startPostgres();
  pool = new pg.Pool({ connectionString: await server.database("inventory"), max: 16 });
  // A pool ends before its last connection has said goodbye, and the server may be faster than that.
  pool.on("error", () => undefined);
  await pool.query(`create schema inventory; ${stockTables}`);
});
afterAll(async () => {
  await pool?.end();
  await server?.[Symbol.asyncDispose]();
});

async function inTransaction<Result>(act: (tx: SqlTransaction) => Promise<Result>): Promise<Result> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    const result = await act(client as unknown as SqlTransaction);
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
}

async function fill(items: Record<string, number>): Promise<void> {
  await pool.query(fillBins(items));
}
async function count(sku: string): Promise<number> {
  return (await pool.query(countInBins, [sku])).rows[0].available;
}
const order = (id: string, ...lines: [sku: string, quantity: number][]) =>
  inTransaction((tx) =>
    reserve(
      tx,
      id,
      lines.map(([sku, quantity]) => ({ sku, quantity })),
    ),
  );

test("an order takes from several bins where none has enough, and everything or nothing", async () => {
  await fill({ beans: 100, paper: 3 });
  expect(await order("large", ["beans", 60], ["beans", 30])).toEqual([]);
  expect(await count("beans")).toBe(10);
  expect(await order("too large", ["paper", 1], ["beans", 11])).toEqual([
    { sku: "beans", requested: 11, available: 10 },
  ]);
  expect(await order("of what nobody has", ["tea", 1])).toEqual([{ sku: "tea", requested: 1, available: 0 }]);
  expect([await count("beans"), await count("paper")]).toEqual([10, 3]);
  expect(await order("the rest", ["beans", 10], ["paper", 3])).toEqual([]);
  expect([await count("beans"), await count("paper")]).toEqual([0, 0]);
});

test("of more customers than there are items, exactly as many get one as there are", async () => {
  await fill({ machine: 75, filter: 1_000 });
  const customers = Array.from({ length: 200 }, (_, index) => `customer ${index}`);
  const got = await Promise.all(
    customers.map(async (id, index) => {
      const wanted: [string, number][] = [
        ["machine", 1],
        ["filter", 1 + (index % 9)],
      ];
      const missing = await order(id, ...wanted);
      // Some change their mind at once, and others wait for what they give back.
      return missing?.length === 0 && !(index % 5 === 0 && (await inTransaction((tx) => release(tx, id))));
    }),
  );
  const left = await count("machine");
  expect(got.filter(Boolean)).toHaveLength(75 - left);
  const { rows } = await pool.query(
    `select sum((line->>'quantity')::integer)::integer as taken from inventory.reservations, jsonb_array_elements(lines) as line
     where status = 'reserved' and line->>'sku' = 'filter'`,
  );
  expect(await count("filter")).toBe(1_000 - rows[0].taken);
});

test("an order that is held up holds up no other for the same item", async () => {
  await fill({ kettle: 160 });
  const held = await pool.connect();
  await held.query("begin");
  await reserve(held as unknown as SqlTransaction, "held up", [{ sku: "kettle", quantity: 1 }]);
  await Promise.all(Array.from({ length: 50 }, (_, index) => order(`quick ${index}`, ["kettle", 1])));
  await held.query("rollback");
  held.release();
  expect(await count("kettle")).toBe(110);
});

test("what is put back while each bin is held is waited for, and not lost", async () => {
  await fill({ cup: 32 });
  await order("cups", ["cup", 4]);
  const holder = await pool.connect();
  await holder.query("begin; select from inventory.bins where sku = 'cup' for update");
  const released = inTransaction((tx) => release(tx, "cups"));
  const late = order("late", ["cup", 30]);
  await holder.query("commit");
  holder.release();
  expect(await released).toBe(true);
  const missing = await late;
  expect(await count("cup")).toBe(missing?.length === 0 ? 2 : 32);
});
