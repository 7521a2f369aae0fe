// Deletes what nobody needs any more: events that were sent, and notes of what was handled.

import type { Logger } from "@throughline/core";
import { type ConnectionPool, withClient } from "./connection-pool.ts";

export interface RetentionOptions {
  readonly pool: ConnectionPool;
  readonly schema: string;
  readonly logger: Logger;
  readonly keepSentMs: number;
  readonly keepHandledMs: number;
}

const everyMs = 60_000;
/** Small pieces, so that nobody waits for the cleaning. */
const rowsAtOnce = 5_000;
const pieceTimeoutMs = 30_000;

/** Cleans now and then; returns how to end it. */
export function startCleaning(options: RetentionOptions): () => void {
  const timer = setInterval(() => {
    void clean(options).catch((error: unknown) =>
      options.logger.warn({ err: error }, "cleaning failed; tried again later"),
    );
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Resolves with how many rows went. */
export async function clean({ pool, schema, keepSentMs, keepHandledMs }: RetentionOptions): Promise<number> {
  const targets = [
    { table: "outbox", key: "position", condition: "sent_at", keepMs: keepSentMs },
    { table: "inbox", key: "(durable, event_id)", condition: "handled_at", keepMs: keepHandledMs },
  ];
  let deleted = 0;
  for (const { table, key, condition, keepMs } of targets) {
    for (let count = rowsAtOnce; count === rowsAtOnce; deleted += count) {
      const columns = key.replaceAll(/[()]/g, "");
      const { rows } = await withClient(
        pool,
        (client) =>
          client.query<{ count: string }>(
            `with gone as (delete from ${schema}.${table} where ${key} in (
             select ${columns} from ${schema}.${table}
             where ${condition} < clock_timestamp() - $1 * interval '1 millisecond' limit ${rowsAtOnce}
           ) returning 1) select count(*) as count from gone`,
            [keepMs],
          ),
        pieceTimeoutMs,
      );
      count = Number(rows[0]?.count ?? 0);
    }
  }
  return deleted;
}
