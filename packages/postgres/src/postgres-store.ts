// The store on Postgres: one transaction for what a handler does, what it publishes, and that it handled the event.

import { ThroughlineError } from "@throughline/contracts";
import type {
  EventToHandle,
  OutgoingMessage,
  Store,
  StoreConnection,
  StoreOptions,
  UnitOfWork,
} from "@throughline/core";
import { measureBacklog } from "./backlog-metrics.ts";
import { CommitNews } from "./commit-news.ts";
import { type ConnectionPool, createPool, giveBack, ignoreError, type PooledClient } from "./connection-pool.ts";
import { migrate, type OutboxPlace, placeOf } from "./migrations.ts";
import { type Backlog, OutboxRelay } from "./outbox-relay.ts";
import { writeAndCommit, writeToOutbox } from "./outbox-writer.ts";
import { startCleaning } from "./retention.ts";
import { translateError } from "./sql-errors.ts";
import { quoteLiteral } from "./sql-literal.ts";
import { transactionOf } from "./transaction-forms.ts";
import { TransactionInUse } from "./transaction-in-use.ts";

export interface PostgresOptions {
  /** Address of the service's own database. Default: `DATABASE_URL`. */
  readonly url?: string;
  /** A pool of `pg` instead; it stays open when the service stops. */
  readonly pool?: object;
  /** Connections of a pool that is made here. Default 20; one of them is the relay's. */
  readonly poolSize?: number;
  /** The schema that outbox and inbox live in. Default `throughline`. */
  readonly schema?: string;
  /** Whether this process publishes what waits in the outbox. Default true. */
  readonly relay?: boolean;
  /** How long sent events are kept, to be compared with the streams. Default 24 hours. */
  readonly keepSentMs?: number;
  /**
   * How long it is known that an event was handled. An event that comes again later than that is handled again. Default 7
   * days.
   */
  readonly keepHandledMs?: number;
}

const dayMs = 86_400_000;
const transactionTries = 6;
/** For one of `running.transaction`; a handler's lasts as long as its attempt may. */
const transactionTimeoutMs = 30_000;
/** Another attempt at the same event is waited for so long, and then for the broker to bring it again. */
const lockTimeoutMs = 5_000;
/** What stands still for so much longer than it may is ended by Postgres: its host may be gone, and nobody tells. */
const standstillMs = 1_000;
const longestTimeoutMs = 2 ** 31 - 1;
/** Older than this, and the service is not well. */
const lateMs = 60_000;

/** The store of a service. Its tables are made and kept up to date by itself. */
export function postgres(options: PostgresOptions = {}): Store {
  const place = placeOf(options.schema ?? "throughline");
  return {
    async connect(storeOptions) {
      const url = options.url ?? process.env["DATABASE_URL"];
      if (options.pool === undefined && !url) {
        throw new ThroughlineError("STORE_UNAVAILABLE", "No database is named: neither `url` nor DATABASE_URL is set.");
      }
      const pool =
        (options.pool as ConnectionPool | undefined) ??
        (await createPool(url as string, storeOptions.service, options.poolSize ?? 20));
      const connection = new PostgresStore(pool, place, options, storeOptions);
      try {
        await migrate(pool, place);
      } catch (error) {
        await connection.close();
        throw translateError(error);
      }
      connection.start();
      return connection;
    },
  };
}

class PostgresStore implements StoreConnection {
  readonly #pool: ConnectionPool;
  readonly #schema: string;
  readonly #options: PostgresOptions;
  readonly #store: StoreOptions;
  readonly #relay: OutboxRelay | undefined;
  /** Called when something committed. */
  readonly #tellRelay: () => void;
  #backlog: Backlog = { waiting: 0, oldestMs: 0 };
  #endCleaning: () => void = () => undefined;
  #endMeasuring: () => void = () => undefined;

  constructor(pool: ConnectionPool, place: OutboxPlace, options: PostgresOptions, store: StoreOptions) {
    const { schema, channel } = place;
    this.#pool = pool;
    this.#schema = schema;
    this.#options = options;
    this.#store = store;
    const { publish, logger } = store;
    if (options.relay === false) {
      const news = new CommitNews(pool, place);
      this.#tellRelay = () => news.tell();
    } else {
      const onBacklog = (backlog: Backlog) => {
        this.#backlog = backlog;
      };
      const relay = new OutboxRelay({ pool, schema, channel, publish, logger, onBacklog });
      this.#relay = relay;
      this.#tellRelay = relay.wake;
    }
    pool.on("error", (error) => logger.warn({ err: error }, "a connection to Postgres was lost"));
  }

  start(): void {
    const { keepSentMs = dayMs, keepHandledMs = 7 * dayMs } = this.#options;
    const { logger, service } = this.#store;
    this.#relay?.start();
    this.#endCleaning = startCleaning({ pool: this.#pool, schema: this.#schema, logger, keepSentMs, keepHandledMs });
    this.#endMeasuring = measureBacklog(service, () => this.#backlog);
  }

  async handle(event: EventToHandle, work: (unit: UnitOfWork) => unknown): Promise<"committed" | "handled-before"> {
    return await this.#inTransaction(event.signal, async (client, unit) => {
      if (!(await this.#beginHandling(client, event))) {
        return "handled-before";
      }
      await work(unit);
      if (!event.isCurrent()) {
        throw new ThroughlineError(
          "STORE_CONFLICT",
          `The attempt at ${event.eventId} is over; nothing of it is committed.`,
        );
      }
      return "committed";
    });
  }

  async transaction<Result>(work: (unit: UnitOfWork) => Result | Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#inTransaction(AbortSignal.timeout(transactionTimeoutMs), async (client, unit) => {
          await client.query(beginFor(transactionTimeoutMs));
          return await work(unit);
        });
      } catch (error) {
        const isConflict = error instanceof ThroughlineError && error.code === "STORE_CONFLICT";
        if (!isConflict || attempt === transactionTries) {
          throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 10 * 2 ** attempt));
      }
    }
  }

  async enqueue(transaction: object, messages: readonly OutgoingMessage[]): Promise<void> {
    await writeToOutbox(transactionOf(transaction), this.#schema, messages);
  }

  problem(): string | undefined {
    const { waiting, oldestMs } = this.#backlog;
    return (
      this.#relay?.problem ??
      (oldestMs > lateMs
        ? `${waiting} events wait in the outbox, the oldest for ${Math.round(oldestMs / 1_000)} s`
        : undefined)
    );
  }

  async close(): Promise<void> {
    this.#endCleaning();
    this.#endMeasuring();
    await this.#relay?.stop();
    if (this.#options.pool === undefined) {
      await this.#pool.end();
    }
  }

  /** `body` begins the transaction, so that it can say more in the same breath. */
  async #inTransaction<Result>(
    signal: AbortSignal,
    body: (client: PooledClient, unit: UnitOfWork) => Promise<Result>,
  ): Promise<Result> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw translateError(error);
    });
    const unit = new TransactionInUse(client);
    let isReleased = false;
    const release = (destroy: boolean) => {
      if (!isReleased) {
        isReleased = true;
        signal.removeEventListener("abort", onAbort);
        giveBack(client, destroy);
      }
    };
    // An attempt that is over holds no locks any longer: Postgres rolls back what has lost its connection.
    const onAbort = () => release(true);
    client.on("error", ignoreError);
    signal.addEventListener("abort", onAbort);
    try {
      signal.throwIfAborted();
      const result = await body(client, unit);
      const messages = unit.end();
      if (result === "handled-before") {
        await client.query("rollback");
      } else {
        await writeAndCommit(client, this.#schema, messages);
      }
      release(false);
      if (messages.length > 0) {
        this.#tellRelay();
      }
      return result;
    } catch (error) {
      unit.end();
      const isRolledBack =
        !isReleased &&
        (await client.query("rollback").then(
          () => true,
          () => false,
        ));
      release(!isRolledBack);
      throw translateError(error);
    }
  }

  /** False when the event was handled before. Waits for another attempt at it that is still under way. */
  async #beginHandling(client: PooledClient, event: EventToHandle): Promise<boolean> {
    const { durable, eventId, fence, timeoutMs } = event;
    const statements = [
      beginFor(timeoutMs),
      `set local lock_timeout = ${lockTimeoutMs}`,
      `insert into ${this.#schema}.inbox (durable, event_id) values (${quoteLiteral(durable)}, ${quoteLiteral(eventId)})
       on conflict do nothing`,
      ...(fence === undefined
        ? []
        : [
            `select ${this.#schema}.owns_partition(${quoteLiteral(durable)}, ${fence.partition}, ${fence.token}) as is_owner`,
          ]),
      "set local lock_timeout to default",
    ];
    const [, , , inbox, owner] = (await client.query(statements.join("; "))) as unknown as readonly StatementResult[];
    if (inbox?.rowCount === 0) {
      return false;
    }
    if (fence !== undefined && owner?.rows[0]?.is_owner !== true) {
      // Whoever lost its partition to a later owner must not commit any more.
      throw new ThroughlineError("STORE_CONFLICT", `Partition ${fence.partition} of ${durable} has a later owner.`, {
        details: { durable, ...fence },
      });
    }
    return true;
  }
}

/** Two statements: whatever holds locks must not hold them for ever. */
function beginFor(timeoutMs: number): string {
  const endsAfterMs = Math.min(Math.ceil(timeoutMs) + standstillMs, longestTimeoutMs);
  return `begin; set local idle_in_transaction_session_timeout = ${endsAfterMs}`;
}

/** What `pg` tells of each of several statements. */
interface StatementResult {
  readonly rowCount: number | null;
  readonly rows: readonly { readonly is_owner?: boolean }[];
}
