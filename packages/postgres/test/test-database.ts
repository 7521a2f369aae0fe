// What the tests share: real Postgres servers and a broker in memory or real, one database for each test.

import { randomBytes } from "node:crypto";
import type { OutgoingMessage, Store, StoreConnection } from "@throughline/core";
import { silentLogger } from "@throughline/core";
import { findPostgresToTest, type PostgresServer, startPostgres } from "@throughline/servers";
import pg from "pg";
import { afterAll, beforeAll, describe, test } from "vitest";

export interface TestDatabase {
  readonly server: () => PostgresServer;
  /** The address of a new database. */
  readonly create: () => Promise<string>;
  readonly test: typeof test.skip;
}

/** The same tests on each Postgres that can be had. */
export async function onEachPostgres(run: (database: TestDatabase) => void): Promise<void> {
  for (const { name, found } of await findPostgresToTest()) {
    describe(`on ${name}`, () => {
      let server: PostgresServer;
      beforeAll(async () => {
        if (found !== undefined) {
          server = await startPostgres({ found });
        }
      });
      afterAll(async () => {
        await server?.[Symbol.asyncDispose]();
      });
      const create = () => server.database(`t${randomBytes(6).toString("hex")}`);
      run({ server: () => server, create, test: test.skipIf(found === undefined) });
    });
  }
}

/** A client for looking at things; survives the end of its server. */
export async function query<Row = Record<string, unknown>>(
  url: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query(text, values)).rows as Row[];
  } finally {
    await client.end();
  }
}

/** A pool that survives the end of its server: it ends before its last connection has said goodbye. */
export function openPool(connectionString: string, max: number): pg.Pool {
  const pool = new pg.Pool({ connectionString, max });
  pool.on("error", () => undefined);
  return pool;
}

export function message(key: string, n: number): OutgoingMessage {
  return {
    subject: `items.made.${key}`,
    headers: new Map([["x-n", String(n)]]),
    body: JSON.stringify({ key, n }),
    messageId: `${key}-${n}`,
    orderKey: key,
  };
}

/** A store whose broker is a list. */
export async function openStore(
  store: Store,
  publish: (sent: OutgoingMessage) => Promise<unknown> = async () => undefined,
): Promise<{ connection: StoreConnection; published: OutgoingMessage[] }> {
  const published: OutgoingMessage[] = [];
  const connection = await store.connect({
    service: "test",
    logger: silentLogger,
    publish: async (sent) => {
      await publish(sent);
      published.push(sent);
      return { sequence: published.length };
    },
  });
  return { connection, published };
}
