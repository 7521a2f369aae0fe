// The store by itself, on real servers: what commits together, what is never done twice, and in which order it is published.

import { PGlite } from "@electric-sql/pglite";
import { type EventToHandle, silentLogger } from "@throughline/core";
import { postgres } from "@throughline/postgres";
import { eventually } from "@throughline/testing";
import { drizzle } from "drizzle-orm/node-postgres";
import { Kysely, PostgresDialect } from "kysely";
import postgresJs from "postgres";
import { expect, test as plainTest } from "vitest";
import { clean } from "../src/retention.ts";
import { message, onEachPostgres, openPool, openStore, query } from "./test-database.ts";

const event = (eventId: string, changes: Partial<EventToHandle> = {}): EventToHandle => ({
  durable: "stock-reserve",
  eventId,
  fence: undefined,
  signal: new AbortController().signal,
  timeoutMs: 30_000,
  isCurrent: () => true,
  ...changes,
});

await onEachPostgres(({ create, test, server }) => {
  test("commits effect, event and the note that it was handled together, or none of them", async () => {
    const url = await create();
    await query(url, "create table effects (id text)");
    const { connection, published } = await openStore(postgres({ url }));
    const work = (fails: boolean) =>
      connection.handle(event("e-1"), async ({ tx, enqueue }) => {
        await tx.query("insert into effects values ($1)", ["e-1"]);
        await enqueue(message("a", 1));
        if (fails) {
          throw new Error("after all of it");
        }
      });
    await expect(work(true)).rejects.toThrow("after all of it");
    expect(await query(url, "select * from effects")).toEqual([]);
    expect(await work(false)).toBe("committed");
    expect(await work(false)).toBe("handled-before");
    await eventually(() => published.length === 1);
    expect(await query(url, "select id from effects")).toEqual([{ id: "e-1" }]);
    expect(published[0]).toMatchObject({ subject: "items.made.a", messageId: "a-1", orderKey: "a" });
    await connection.close();
    expect(await query(url, "select stream_sequence from throughline.outbox where sent_at is not null")).toEqual([
      { stream_sequence: "1" },
    ]);
    expect(published).toHaveLength(1);
  });

  test("lets the second of two attempts at an event wait for the first, and do nothing", async () => {
    const url = await create();
    const { connection } = await openStore(postgres({ url }));
    const { promise: hold, resolve: letGo } = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const first = connection.handle(event("e-1"), async () => {
      begun.resolve();
      await hold;
    });
    await begun.promise;
    let ran = false;
    const second = connection.handle(event("e-1"), () => {
      ran = true;
    });
    const other = await connection.handle(event("e-2"), () => undefined);
    letGo();
    expect([await first, await second, other, ran]).toEqual(["committed", "handled-before", "committed", false]);
    await connection.close();
  });

  test("commits nothing of an attempt that is over, of an owner that was replaced, or after its end", async () => {
    const url = await create();
    const { connection, published } = await openStore(postgres({ url }));
    const conflict = { code: "STORE_CONFLICT" };
    await expect(connection.handle(event("late", { isCurrent: () => false }), () => undefined)).rejects.toMatchObject(
      conflict,
    );
    const owned = (token: number) => event(`by-${token}`, { fence: { partition: 3, token } });
    expect(await connection.handle(owned(7), () => undefined)).toBe("committed");
    await expect(connection.handle(owned(6), () => undefined)).rejects.toMatchObject(conflict);
    const controller = new AbortController();
    const aborted = connection.handle(event("aborted", { signal: controller.signal }), async ({ tx }) => {
      controller.abort(new Error("took too long"));
      await tx.query("select 1");
    });
    await expect(aborted).rejects.toThrow();
    let late: (() => Promise<unknown>) | undefined;
    await connection.handle(event("leaky"), ({ tx, enqueue }) => {
      late = () => Promise.allSettled([(async () => tx.query("select 1"))(), enqueue(message("a", 9))]);
    });
    expect(await late?.()).toMatchObject([
      { status: "rejected", reason: { code: "STORE_TRANSACTION_INVALID" } },
      { status: "rejected", reason: { code: "STORE_TRANSACTION_INVALID" } },
    ]);
    const handled = await query(url, "select event_id from throughline.inbox order by 1");
    expect(handled.map(({ event_id }) => event_id)).toEqual(["by-7", "leaky"]);
    expect(published).toEqual([]);
    await connection.close();
  });

  test("lets handlers of one owner work side by side, and a later owner wait for them", async () => {
    const { connection } = await openStore(postgres({ url: await create() }));
    const underWay: { eventId: string; end: () => void }[] = [];
    const handle = (eventId: string, token: number) =>
      connection.handle(
        event(eventId, { fence: { partition: 1, token } }),
        () => new Promise<void>((end) => underWay.push({ eventId, end })),
      );
    const earliest = handle("earliest", 7);
    await eventually(() => underWay.length === 1);
    underWay[0]?.end();
    await earliest;
    const earlier = [handle("a", 7), handle("b", 7)];
    await eventually(() => underWay.length === 3);
    const later = [handle("c", 8), handle("d", 8)];
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(underWay.slice(1).map(({ eventId }) => eventId)).toEqual(expect.arrayContaining(["a", "b"]));
    expect(underWay).toHaveLength(3);
    for (const { end } of underWay) {
      end();
    }
    expect(await Promise.all(earlier)).toEqual(["committed", "committed"]);
    await eventually(() => {
      for (const { end } of underWay) {
        end();
      }
      return underWay.length === 5;
    });
    expect(await Promise.all(later)).toEqual(["committed", "committed"]);
    await expect(handle("e", 7)).rejects.toMatchObject({ code: "STORE_CONFLICT" });
    await connection.close();
  });

  test("waits for no attempt of a process that stands still", async () => {
    const { connection } = await openStore(postgres({ url: await create() }));
    const { promise: standstill, resolve: wake } = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const frozen = connection.handle(event("e-1", { timeoutMs: 200 }), async () => {
      begun.resolve();
      await standstill;
    });
    await begun.promise;
    expect(await connection.handle(event("e-1"), () => undefined)).toBe("committed");
    wake();
    await expect(frozen).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await connection.close();
  });

  test("forgets what was sent and handled long ago, and nothing that waits", async () => {
    const url = await create();
    const { connection, published } = await openStore(postgres({ url, relay: false }));
    await connection.transaction(async ({ enqueue }) => {
      for (let n = 0; n < 6_000; n++) {
        await enqueue(message("a", n));
      }
    });
    await connection.handle(event("old"), () => undefined);
    await connection.handle(event("new"), () => undefined);
    await query(url, "update throughline.outbox set sent_at = now() - interval '2 days' where position <= 5500");
    await query(url, "update throughline.outbox set sent_at = now() where position = 5501");
    await query(url, "update throughline.inbox set handled_at = now() - interval '8 days' where event_id = 'old'");
    const pool = openPool(url, 2);
    const dayMs = 86_400_000;
    const options = { schema: '"throughline"', logger: silentLogger, keepSentMs: dayMs, keepHandledMs: 7 * dayMs };
    expect(await clean({ ...options, pool: pool as never })).toBe(5_501);
    expect(await query(url, "select count(*)::int as n from throughline.outbox")).toEqual([{ n: 500 }]);
    expect(await query(url, "select event_id from throughline.inbox")).toEqual([{ event_id: "new" }]);
    expect(published).toEqual([]);
    await pool.end();
    await connection.close();
  });

  test("makes its tables once, however many begin at the same time, and keeps to its schema", async () => {
    const url = await create();
    const opened = await Promise.all(
      Array.from({ length: 10 }, () => openStore(postgres({ url, schema: "events", poolSize: 3 }))),
    );
    expect(await query(url, "select version from events.migrations")).toEqual([{ version: 1 }, { version: 2 }]);
    await Promise.all(opened.map(({ connection }) => connection.close()));
    expect(() => postgres({ url, schema: 'a"; drop table x' })).toThrow(TypeError);
  });

  test("tries a transaction again after a conflict, and tells when nobody answers", async () => {
    const url = await create();
    await query(url, "create table pairs (id int primary key, n int)");
    await query(url, "insert into pairs values (1, 0), (2, 0)");
    const { connection } = await openStore(postgres({ url }));
    const bump = (first: number, second: number) =>
      connection.transaction(async ({ tx }) => {
        await tx.query("update pairs set n = n + 1 where id = $1", [first]);
        await new Promise((resolve) => setTimeout(resolve, 20));
        await tx.query("update pairs set n = n + 1 where id = $1", [second]);
      });
    await Promise.all([bump(1, 2), bump(2, 1), bump(1, 2), bump(2, 1)]);
    expect(await query(url, "select n from pairs")).toEqual([{ n: 4 }, { n: 4 }]);
    await server().stop();
    await expect(connection.transaction(() => undefined)).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      retryable: true,
    });
    await server().start();
    await eventually(() => connection.transaction(({ tx }) => tx.query("select 1")));
    await connection.close();
  });

  test("writes to the outbox in a transaction of pg, postgres.js, Kysely and Drizzle", async () => {
    const url = await create();
    const { connection, published } = await openStore(postgres({ url }));
    const pool = openPool(url, 2);
    const client = await pool.connect();
    await client.query("begin");
    await connection.enqueue(client, [message("pg", 1)]);
    await client.query("commit");
    client.release();
    const sql = postgresJs(url, { max: 1 });
    await sql.begin((tx) => connection.enqueue(tx, [message("postgres-js", 1)]));
    const kysely = new Kysely<object>({
      dialect: new PostgresDialect({ pool: openPool(url, 1) }),
    });
    await kysely.transaction().execute((tx) => connection.enqueue(tx, [message("kysely", 1)]));
    const db = drizzle(pool);
    await db.transaction((tx) => connection.enqueue(tx, [message("drizzle", 1)]));
    const rolledBack = db.transaction(async (tx) => {
      await connection.enqueue(tx, [message("drizzle", 2)]);
      throw new Error("no");
    });
    await expect(rolledBack).rejects.toThrow("no");
    await eventually(() => published.length === 4);
    expect(published.map(({ messageId }) => messageId).toSorted()).toEqual([
      "drizzle-1",
      "kysely-1",
      "pg-1",
      "postgres-js-1",
    ]);
    await expect(connection.enqueue({ whatever: 1 }, [message("x", 1)])).rejects.toMatchObject({
      code: "STORE_TRANSACTION_INVALID",
    });
    await connection.close();
    await Promise.all([pool.end(), sql.end(), kysely.destroy()]);
  });
});

plainTest("PGlite's transactions are taken as well", async () => {
  const { transactionOf } = await import("../src/transaction-forms.ts");
  const database = new PGlite();
  const rows = await database.transaction(
    async (tx) => (await transactionOf(tx).query("select $1::int as n", [7])).rows,
  );
  expect(rows).toEqual([{ n: 7 }]);
  await database.close();
});
