// Public surface of @throughline/postgres.

export type { ConnectionPool, PooledClient } from "./connection-pool.ts";
export { type PostgresOptions, postgres } from "./postgres-store.ts";
