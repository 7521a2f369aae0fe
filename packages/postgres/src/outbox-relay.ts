// Publishes what has committed, in the order of the commits for each key. Any number of relays share the work: each takes
// some lanes for as long as one transaction lasts, so a relay that dies leaves nothing locked.

import { ThroughlineError } from "@throughline/contracts";
import type { Logger, StoreOptions } from "@throughline/core";
import { type ConnectionPool, ignoreError, type PooledClient } from "./connection-pool.ts";
import { laneCount } from "./migrations.ts";
import { type OutboxRow, toMessage } from "./outbox-writer.ts";

export interface RelayOptions {
  readonly pool: ConnectionPool;
  readonly schema: string;
  /** Where commits are told. */
  readonly channel: string;
  readonly publish: StoreOptions["publish"];
  readonly logger: Logger;
  /** Told how many wait and for how long the oldest has, while any do. */
  readonly onBacklog: (backlog: Backlog) => void;
}

export interface Backlog {
  readonly waiting: number;
  readonly oldestMs: number;
}

const lanesAtOnce = 16;
/** Of each lane, at a time. */
const laneRows = 128;
/** The net under LISTEN: nothing waits for longer than this unseen. */
const pollMs = 1_000;
const errorPauseMs = 1_000;
/** A network that swallows everything looks like a server that thinks. */
const queryTimeoutMs = 15_000;
/** A relay whose host is gone must not keep its lanes; one that lives has given up on the broker before. */
const standstillMs = 60_000;
const backlogEveryMs = 5_000;
/** Enough to tell that many wait, without counting them all. */
const countUpTo = 100_000;

export class OutboxRelay {
  readonly #options: RelayOptions;
  #isStopped = false;
  #isWoken = false;
  #wake: () => void = () => undefined;
  /** One connection for everything: handlers that hold all others do not hold this up. */
  #client: PooledClient | undefined;
  #nextLane = 0;
  #nextBacklogMs = 0;
  #problem: string | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  start(): void {
    this.#ended = this.#run();
  }

  /** Something has committed. */
  readonly wake = (): void => {
    this.#isWoken = true;
    this.#wake();
  };

  get problem(): string | undefined {
    return this.#problem;
  }

  /** Publishes what it has begun, and no more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.wake();
    await this.#ended;
    this.#disconnect();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      this.#isWoken = false;
      try {
        await this.#connect();
        await this.#publishWaiting();
        await this.#reportBacklog();
        this.#problem = undefined;
        await this.#rest(pollMs);
      } catch (error) {
        this.#problem = `the outbox is not published: ${error instanceof Error ? error.message : String(error)}`;
        this.#options.logger.warn({ err: error }, "the outbox cannot be published at the moment; it is tried again");
        this.#disconnect();
        this.#isWoken = false;
        await this.#rest(errorPauseMs);
      }
    }
  }

  async #rest(ms: number): Promise<void> {
    if (this.#isWoken || this.#isStopped) {
      return;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = () => undefined;
  }

  async #connect(): Promise<void> {
    if (this.#client !== undefined) {
      return;
    }
    const { pool, channel } = this.#options;
    const client = await pool.connect();
    this.#client = client;
    client.on("notification", this.wake);
    client.on("error", this.#onLost);
    client.on("end", this.#onLost);
    await this.#query(`set idle_in_transaction_session_timeout = ${standstillMs}; listen ${channel}`);
  }

  readonly #onLost = (): void => {
    this.#disconnect();
    this.wake();
  };

  /** What is open on the connection ends with it, locks included. */
  #disconnect(): void {
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) {
      client.removeListener("notification", this.wake);
      client.removeListener("end", this.#onLost);
      client.on("error", ignoreError);
      client.removeListener("error", this.#onLost);
      client.release(true);
    }
  }

  /** Goes round the lanes in which something waits, until a whole round has found nothing that no other relay has. */
  async #publishWaiting(): Promise<void> {
    for (let empty = 0; empty < laneCount / lanesAtOnce && !this.#isStopped; ) {
      const lane = await this.#findWaitingLane();
      if (lane === undefined) {
        return;
      }
      const published = await this.#publishBatch(lane);
      this.#nextLane = (lane + lanesAtOnce) % laneCount;
      empty = published === 0 ? empty + 1 : 0;
    }
  }

  /** The next one, going round. In the order of an index: whatever Postgres believes of the table, it skips what was sent. */
  async #findWaitingLane(): Promise<number | undefined> {
    const waiting = (lanes: string) =>
      `(select lane from ${this.#options.schema}.outbox
        where sent_at is null and failure is null and ${lanes} order by lane, position limit 1)`;
    const { rows } = await this.#query<{ lane: number }>(
      `${waiting("lane >= $1")} union all ${waiting("lane < $1")} limit 1`,
      [this.#nextLane],
    );
    return rows[0]?.lane;
  }

  /**
   * What one relay takes no other sees until this transaction ends. Each lane is read by itself, from its oldest row on; asked
   * for as a range, so that no other index has the order that is wanted. Resolves with how many rows there were.
   */
  async #publishBatch(firstLane: number): Promise<number> {
    const { schema } = this.#options;
    await this.#query("begin");
    const lanes = await this.#query<{ lane: number }>(
      `select lane from ${schema}.outbox_lanes where lane >= $1 and lane < $2 for update skip locked`,
      [firstLane, firstLane + lanesAtOnce],
    );
    const { rows } = await this.#query<OutboxRow>(
      `select waiting.* from unnest($1::smallint[]) as taken(lane) cross join lateral (
         select position, subject, order_key, message_id, headers, body, schedule from ${schema}.outbox
         where outbox.lane >= taken.lane and outbox.lane <= taken.lane and sent_at is null and failure is null
         order by lane, position limit ${laneRows}
       ) as waiting order by position`,
      [lanes.rows.map(({ lane }) => lane)],
    );
    await this.#publishRows(rows);
    await this.#query("commit");
    return rows.length;
  }

  /** The publisher keeps the order of each key. What the stream refuses for good is set aside, with the reason. */
  async #publishRows(rows: readonly OutboxRow[]): Promise<void> {
    const { schema, publish, logger } = this.#options;
    const results = await Promise.allSettled(rows.map((row) => publish(toMessage(row))));
    const sent: { position: string; sequence: number }[] = [];
    for (const [index, result] of results.entries()) {
      const { position, subject } = rows[index] as OutboxRow;
      if (result.status === "fulfilled") {
        sent.push({ position, sequence: result.value.sequence });
      } else if ((result.reason as { retryable?: boolean }).retryable === false) {
        logger.error({ err: result.reason, subject, position }, "the stream refuses an event of the outbox for good");
        await this.#query(`update ${schema}.outbox set failure = $2 where position = $1`, [
          position,
          String(result.reason),
        ]);
      }
    }
    if (sent.length > 0) {
      await this.#query(
        `update ${schema}.outbox set sent_at = clock_timestamp(), stream_sequence = done.sequence
         from unnest($1::bigint[], $2::bigint[]) as done(position, sequence) where outbox.position = done.position`,
        [sent.map(({ position }) => position), sent.map(({ sequence }) => sequence)],
      );
    }
    const waiting = results.find(
      (result) => result.status === "rejected" && (result.reason as { retryable?: boolean }).retryable !== false,
    );
    if (waiting !== undefined && sent.length === 0) {
      throw (waiting as PromiseRejectedResult).reason;
    }
  }

  async #reportBacklog(): Promise<void> {
    const now = Date.now();
    if (now < this.#nextBacklogMs) {
      return;
    }
    this.#nextBacklogMs = now + backlogEveryMs;
    const { schema, onBacklog } = this.#options;
    const { rows } = await this.#query<{ waiting: string; oldest: number | null }>(
      `select count(*) as waiting, extract(epoch from clock_timestamp() - min(created_at)) * 1000 as oldest
       from (select created_at from ${schema}.outbox where sent_at is null and failure is null
             order by lane, position limit ${countUpTo}) as counted`,
    );
    onBacklog({ waiting: Number(rows[0]?.waiting ?? 0), oldestMs: Number(rows[0]?.oldest ?? 0) });
  }

  async #query<Row>(text: string, values: readonly unknown[] = []): Promise<{ readonly rows: readonly Row[] }> {
    const client = this.#client;
    if (client === undefined) {
      throw new ThroughlineError("STORE_UNAVAILABLE", "The connection to Postgres was lost.");
    }
    const timer = setTimeout(() => this.#disconnect(), queryTimeoutMs);
    try {
      return await client.query<Row>(text, values);
    } finally {
      clearTimeout(timer);
    }
  }
}
