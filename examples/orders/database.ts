// The database of one service: nobody else reads or writes it. Its tables and its outbox are in a schema of the service's
// name, so that one database can also hold several services.

import pg from "pg";

export interface Database extends AsyncDisposable {
  readonly pool: pg.Pool;
  /** One statement outside of a transaction. */
  query<Row>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Makes what does not exist yet; any number of instances may begin at once. */
  prepare(schema: string, tables: string): Promise<void>;
}

/** Handlers of all subscriptions, a listener, a relay, and what is asked from outside. */
const connections = 16;
const connectTimeoutMs = 5_000;
const statementTimeoutMs = 10_000;

/** Nothing is connected before it is used. */
export function openDatabase(url = process.env["DATABASE_URL"]): Database {
  if (!url) {
    throw new Error("DATABASE_URL is not set: the address of this service's Postgres database.");
  }
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  });
  // The statement at hand fails as well; without a listener the process would end.
  pool.on("error", () => undefined);
  return {
    pool,
    query: (text, values = []) => ask(pool, text, values),
    async prepare(schema, tables) {
      const lock = `select pg_advisory_xact_lock(hashtext('tables of ${schema}'))`;
      await ask(pool, `begin; ${lock}; create schema if not exists ${schema}; ${tables}; commit`, []);
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

/** A connection on which something failed, or nothing happened for too long, is not kept; what was open on it ends. */
async function ask<Row>(pool: pg.Pool, text: string, values: readonly unknown[]): Promise<readonly Row[]> {
  const client = await pool.connect();
  let isOver = false;
  const giveBack = (destroy: boolean) => {
    if (!isOver) {
      isOver = true;
      client.release(destroy);
    }
  };
  const timer = setTimeout(() => giveBack(true), statementTimeoutMs);
  try {
    const result = values.length === 0 ? await client.query(text) : await client.query(text, [...values]);
    giveBack(false);
    return result.rows as readonly Row[];
  } finally {
    clearTimeout(timer);
    giveBack(true);
  }
}
