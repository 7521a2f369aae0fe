// Tells relays of other processes that something has committed. Told inside of a transaction, it would cost the commits their
// company: Postgres lets each wait for the one before. Told afterwards it costs one statement for all that committed meanwhile;
// what is lost with a process that dies in between is found by the relays' poll.

import { type ConnectionPool, withClient } from "./connection-pool.ts";
import type { OutboxPlace } from "./migrations.ts";
import { quoteLiteral } from "./sql-literal.ts";

const timeoutMs = 5_000;
/** Between two tellings. */
const pauseMs = 20;

export class CommitNews {
  readonly #pool: ConnectionPool;
  readonly #statement: string;
  #isTelling = false;
  #hasMore = false;

  constructor(pool: ConnectionPool, { channel }: OutboxPlace) {
    this.#pool = pool;
    // Nobody waits for the disk: there is nothing in it to keep.
    this.#statement = `begin; set local synchronous_commit to off; select pg_notify(${quoteLiteral(channel)}, ''); commit`;
  }

  /** Soon, and once for all calls until then. */
  tell(): void {
    this.#hasMore = true;
    if (!this.#isTelling) {
      this.#isTelling = true;
      void this.#tellAll();
    }
  }

  async #tellAll(): Promise<void> {
    while (this.#hasMore) {
      this.#hasMore = false;
      await withClient(this.#pool, (client) => client.query(this.#statement), timeoutMs).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    this.#isTelling = false;
  }
}
