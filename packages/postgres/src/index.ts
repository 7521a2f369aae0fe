// Public surface of @throughline/postgres.

export type { ConnectionPool, PooledClient } from "./connection-pool.ts";
export { type PostgresOptions, postgres } from "./postgres-store.ts";
export { type LostEvent, type ReconcileOptions, type ReconcileReport, reconcileOutbox } from "./reconcile.ts";
