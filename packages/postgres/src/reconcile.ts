// Compares what the outbox says was sent with what the streams hold: a broker that lost power, or came back from a backup,
// does not know what it has forgotten.

import { streamOfContext, ThroughlineError } from "@throughline/contracts";
import { type Logger, silentLogger, type Transport, type TransportConnection } from "@throughline/core";
import { type ConnectionPool, createPool, withClient } from "./connection-pool.ts";
import { placeOf } from "./migrations.ts";
import { type OutboxRow, toMessage } from "./outbox-writer.ts";
import { translateError } from "./sql-errors.ts";

export interface ReconcileOptions {
  readonly transport: Transport;
  /** Address of the service's database. Default: `DATABASE_URL`. */
  readonly url?: string;
  /** A pool of `pg` instead. */
  readonly pool?: object;
  /** Default `throughline`. */
  readonly schema?: string;
  /** Publish again what is lost, under its id, at the end of its stream. Default false: nothing is changed. */
  readonly republish?: boolean;
  readonly onProgress?: (compared: number) => void;
  readonly logger?: Logger;
}

/** An event that was confirmed once and is not in its stream. */
export interface LostEvent {
  readonly position: string;
  readonly messageId: string;
  readonly subject: string;
  readonly stream: string;
  /** Where the stream said that it has it. */
  readonly sequence: number;
  readonly sentAt: string;
}

export interface ReconcileReport {
  /** Sent events that the outbox still keeps. */
  readonly compared: number;
  readonly lost: readonly LostEvent[];
  /** Older than what the stream keeps: nobody can tell, and nothing is done about them. */
  readonly expired: number;
  readonly republished: number;
}

type SentRow = OutboxRow & { readonly stream_sequence: string; readonly sent_at: Date };

const rowsAtOnce = 5_000;

/** @throws STORE_UNAVAILABLE, NATS_UNREACHABLE, NATS_REQUEST_FAILED */
export async function reconcileOutbox(options: ReconcileOptions): Promise<ReconcileReport> {
  const { schema } = placeOf(options.schema ?? "throughline");
  const url = options.url ?? process.env["DATABASE_URL"];
  if (options.pool === undefined && !url) {
    throw new ThroughlineError("STORE_UNAVAILABLE", "No database is named: neither `url` nor DATABASE_URL is set.");
  }
  const pool =
    (options.pool as ConnectionPool | undefined) ?? (await createPool(url as string, "throughline-reconcile", 2));
  try {
    const connection = await options.transport.connect({
      service: "throughline-reconcile",
      logger: options.logger ?? silentLogger,
    });
    try {
      return await compareAll(pool, schema, connection, options);
    } finally {
      await connection.close();
    }
  } catch (error) {
    throw translateError(error);
  } finally {
    if (options.pool === undefined) {
      await pool.end();
    }
  }
}

async function compareAll(
  pool: ConnectionPool,
  schema: string,
  connection: TransportConnection,
  { republish = false, onProgress }: ReconcileOptions,
): Promise<ReconcileReport> {
  const streams = new Map<string, StoredIds>();
  const lost: LostEvent[] = [];
  let [compared, expired, republished] = [0, 0, 0];
  for (let after = "0"; ; ) {
    const { rows } = await withClient(pool, (client) =>
      client.query<SentRow>(
        `select position, subject, order_key, message_id, headers, body, schedule, stream_sequence, sent_at
         from ${schema}.outbox where sent_at is not null and schedule is null and position > $1
         order by position limit ${rowsAtOnce}`,
        [after],
      ),
    );
    for (const row of rows) {
      const stream = streamOfContext(row.subject.split(".", 1)[0] ?? "");
      const stored = streams.get(stream) ?? (await readStream(connection, stream));
      streams.set(stream, stored);
      if (!stored.ids.has(row.message_id)) {
        if (Number(row.stream_sequence) < stored.first) {
          expired++;
        } else {
          lost.push(describe(row, stream));
          republished += republish ? await publishAgain(pool, schema, connection, row) : 0;
        }
      }
    }
    compared += rows.length;
    onProgress?.(compared);
    const last = rows.at(-1);
    if (last === undefined || rows.length < rowsAtOnce) {
      return { compared, lost, expired, republished };
    }
    after = last.position;
  }
}

interface StoredIds {
  readonly ids: ReadonlySet<string>;
  /** The oldest sequence that the stream still has; 1 for an empty one. */
  readonly first: number;
}

async function readStream(connection: TransportConnection, stream: string): Promise<StoredIds> {
  const ids = new Set<string>();
  let first: number | undefined;
  for await (const { message, storedAt } of connection.stored.read(stream, `${stream.toLowerCase()}.>`)) {
    first ??= storedAt.sequence;
    ids.add(message.headers.get("nats-msg-id") ?? "");
  }
  return { ids, first: first ?? 1 };
}

function describe({ position, message_id, subject, stream_sequence, sent_at }: SentRow, stream: string): LostEvent {
  const sequence = Number(stream_sequence);
  return { position, messageId: message_id, subject, stream, sequence, sentAt: sent_at.toISOString() };
}

async function publishAgain(
  pool: ConnectionPool,
  schema: string,
  connection: TransportConnection,
  row: SentRow,
): Promise<1> {
  const { sequence } = await connection.publish(toMessage(row));
  await withClient(pool, (client) =>
    client.query(`update ${schema}.outbox set sent_at = clock_timestamp(), stream_sequence = $2 where position = $1`, [
      row.position,
      sequence,
    ]),
  );
  return 1;
}
