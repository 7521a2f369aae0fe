// The port to a database: what a handler does there, what it publishes, and that it handled the event commit together.

import type { Logger } from "./telemetry/logger.ts";
import type { OutgoingMessage } from "./transport.ts";

/** An open transaction. A `PoolClient` of `pg` is one. */
export interface SqlTransaction {
  query<Row = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ readonly rows: readonly Row[] }>;
}

/** What happens in one transaction. */
export interface UnitOfWork {
  readonly tx: SqlTransaction;
  /** Published once the transaction has committed, and not at all if it has not. */
  enqueue(message: OutgoingMessage): Promise<void>;
}

/** An event on its way through a handler. */
export interface EventToHandle {
  readonly durable: string;
  readonly eventId: string;
  /** Of a partition: refused when a later owner was here before. */
  readonly fence: { readonly partition: number; readonly token: number } | undefined;
  /** Ends the transaction when the attempt is over. */
  readonly signal: AbortSignal;
  /** After this time the signal has come: a transaction that is still open belongs to a process that stands still or is gone. */
  readonly timeoutMs: number;
  /** Whether this attempt still counts; asked right before the commit. */
  readonly isCurrent: () => boolean;
}

/** A database that handlers work in. */
export interface Store {
  /** Brings its tables up to date and begins to publish what waits. @throws STORE_… */
  connect(options: StoreOptions): Promise<StoreConnection>;
}

export interface StoreOptions {
  readonly service: string;
  readonly logger: Logger;
  /** Resolves once the stream has the message. */
  readonly publish: (message: OutgoingMessage) => Promise<{ readonly sequence: number }>;
}

export interface StoreConnection {
  /**
   * Runs `work` in a transaction that also notes that this subscription handled this event. "handled-before": it did
   * already, and `work` did not run. @throws STORE_CONFLICT, STORE_UNAVAILABLE, or what `work` throws
   */
  handle(event: EventToHandle, work: (unit: UnitOfWork) => unknown): Promise<"committed" | "handled-before">;
  /** A transaction of its own, for what no event caused. @throws as `handle` */
  transaction<Result>(work: (unit: UnitOfWork) => Result | Promise<Result>): Promise<Result>;
  /** Writes messages within a transaction that the caller opened and commits. @throws STORE_TRANSACTION_INVALID */
  enqueue(transaction: object, messages: readonly OutgoingMessage[]): Promise<void>;
  /** What is wrong, for `health()`; undefined while nothing is. */
  problem(): string | undefined;
  /** Ends its connections. What waits is published by whoever runs next. */
  close(): Promise<void>;
}
