// The relay by itself, on real servers: what it publishes, in which order, how often, and what it reads for that.

import { ThroughlineError } from "@throughline/contracts";
import { postgres } from "@throughline/postgres";
import { eventually } from "@throughline/testing";
import { expect } from "vitest";
import { message, onEachPostgres, openStore, query } from "./test-database.ts";

const numberOf = (sent: { body: unknown }) => (JSON.parse(String(sent.body)) as { n: number }).n;

await onEachPostgres(({ create, test }) => {
  test("publishes in the order of the commits of each key, by several relays, each event once", async () => {
    const url = await create();
    await query(url, "create table counters (key text primary key, n int)");
    await query(url, "insert into counters select 'k' || i, 0 from generate_series(0, 4) i");
    const stores = await Promise.all(Array.from({ length: 3 }, () => openStore(postgres({ url, poolSize: 8 }))));
    const arrived: { key: string; n: number }[] = [];
    for (const { published } of stores) {
      const push = published.push.bind(published);
      published.push = (...sent) => {
        arrived.push(...sent.map((one) => JSON.parse(String(one.body)) as { key: string; n: number }));
        return push(...sent);
      };
    }
    await Promise.all(
      Array.from({ length: 600 }, (_, index) =>
        stores[index % 3]?.connection.transaction(async ({ tx, enqueue }) => {
          const key = `k${index % 5}`;
          const { rows } = await tx.query<{ n: number }>("update counters set n = n + 1 where key = $1 returning n", [
            key,
          ]);
          await enqueue(message(key, rows[0]?.n ?? 0));
        }),
      ),
    );
    await eventually(() => arrived.length >= 600);
    for (const key of ["k0", "k1", "k2", "k3", "k4"]) {
      const numbers = arrived.filter((one) => one.key === key).map(({ n }) => n);
      expect(numbers, key).toEqual(Array.from({ length: 120 }, (_, n) => n + 1));
    }
    await Promise.all(stores.map(({ connection }) => connection.close()));
    expect(arrived).toHaveLength(600);
  });

  test("tries again what could not be marked as sent, under the same id", async () => {
    const url = await create();
    let isCut = false;
    const attempts: string[] = [];
    const { connection, published } = await openStore(postgres({ url }), async ({ messageId }) => {
      attempts.push(messageId);
      if (!isCut) {
        isCut = true;
        await query(
          url,
          "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
        );
      }
    });
    await connection.transaction(({ enqueue }) => enqueue(message("a", 1)));
    await eventually(
      async () => (await query(url, "select 1 from throughline.outbox where sent_at is not null")).length === 1,
    );
    expect(attempts).toEqual(["a-1", "a-1"]);
    expect(published.map(numberOf)).toEqual([1, 1]);
    await connection.close();
  });

  test("is well while it publishes, and tells what is wrong while it cannot", async () => {
    let isDown = false;
    const { connection, published } = await openStore(postgres({ url: await create() }), async () => {
      if (isDown) {
        throw new ThroughlineError("NATS_UNREACHABLE", "The broker is away.");
      }
    });
    const enqueueOne = (n: number) => connection.transaction(({ enqueue }) => enqueue(message("a", n)));
    await enqueueOne(1);
    await eventually(() => published.length === 1);
    // The first look at the backlog comes after the first round.
    await enqueueOne(2);
    await eventually(() => published.length === 2);
    expect(connection.problem()).toBeUndefined();
    isDown = true;
    await enqueueOne(3);
    await eventually(() => connection.problem()?.includes("The broker is away."));
    isDown = false;
    await eventually(() => connection.problem() === undefined && published.length === 3);
    await connection.close();
  });

  test("sets aside what the stream refuses for good, and goes on", async () => {
    const url = await create();
    const { connection, published } = await openStore(postgres({ url }), async ({ messageId }) => {
      if (messageId === "a-1") {
        throw Object.assign(new Error("too large"), { retryable: false });
      }
    });
    await connection.transaction(async ({ enqueue }) => {
      await enqueue(message("a", 1));
      await enqueue(message("a", 2));
    });
    await eventually(() => published.length === 1);
    await eventually(
      async () => (await query(url, "select 1 from throughline.outbox where failure like '%too large%'")).length === 1,
    );
    await connection.close();
  });

  test("wakes the relay of another process when something commits", async () => {
    const url = await create();
    const { connection: writer } = await openStore(postgres({ url, relay: false }));
    const { connection: relay, published } = await openStore(postgres({ url }));
    const write = (n: number) => writer.transaction(({ enqueue }) => enqueue(message("a", n)));
    const startedAt = performance.now();
    for (let n = 1; n <= 10; n++) {
      await write(n);
      await eventually(() => published.length === n);
    }
    // By its poll alone, each would wait for up to a second.
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    await Promise.all(Array.from({ length: 50 }, (_, n) => write(n + 11)));
    await eventually(() => published.length === 60);
    await Promise.all([writer, relay].map((connection) => connection.close()));
  });

  test("does not look through what was sent, also where Postgres believes that all of it waits", async () => {
    const url = await create();
    const { connection: writer } = await openStore(postgres({ url, relay: false }));
    const rows = 20_000;
    await writer.transaction(async ({ enqueue }) => {
      for (let n = 1; n <= rows; n++) {
        await enqueue(message(`k${n % 7}`, n));
      }
    });
    await query(url, "analyze throughline.outbox");
    const { connection: relay, published } = await openStore(postgres({ url }));
    await eventually(() => published.length === rows, { timeoutMs: 60_000 });
    const readRows = async () => {
      const [told] = await query<{ count: string }>(
        url,
        "select seq_tup_read + idx_tup_fetch as count from pg_stat_user_tables where relname = 'outbox'",
      );
      return Number(told?.count);
    };
    // What a connection has read is told with its next statement, a second later at the earliest: the relay polls each second.
    const settled = async () => {
      let count = Number.NEGATIVE_INFINITY;
      await eventually(
        async () => {
          const before = count;
          count = await readRows();
          return count - before < 1_000;
        },
        { intervalMs: 2_000, timeoutMs: 30_000 },
      );
      return count;
    };
    const before = await settled();
    for (let n = 1; n <= 10; n++) {
      await writer.transaction(({ enqueue }) => enqueue(message("a", n)));
      await eventually(() => published.length === rows + n);
    }
    expect((await settled()) - before).toBeLessThan(rows / 4);
    await Promise.all([writer, relay].map((connection) => connection.close()));
  });
});
