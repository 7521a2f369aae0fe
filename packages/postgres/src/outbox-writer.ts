// Puts messages into the outbox, in whatever transaction is open.

import { Buffer } from "node:buffer";
import type { OutgoingMessage, SqlTransaction } from "@throughline/core";
import { quoteLiteral } from "./sql-literal.ts";

/** One statement for any number of messages; whoever relays is told when the transaction commits. */
export async function writeToOutbox(
  transaction: SqlTransaction,
  schema: string,
  messages: readonly OutgoingMessage[],
): Promise<void> {
  if (messages.length > 0) {
    await transaction.query(`select ${schema}.enqueue($1::text::json, true)`, [serialize(messages)]);
  }
}

/** Writes the messages and commits, in one breath: each trip to Postgres costs as much as what it does there. */
export async function writeAndCommit(
  transaction: SqlTransaction,
  schema: string,
  messages: readonly OutgoingMessage[],
  tell: boolean,
): Promise<void> {
  await transaction.query(
    messages.length === 0
      ? "commit"
      : `select ${schema}.enqueue(${quoteLiteral(serialize(messages))}::json, ${tell}); commit`,
  );
}

function serialize(messages: readonly OutgoingMessage[]): string {
  return JSON.stringify(messages.map(toRecord));
}

function toRecord({ subject, headers, body, messageId, orderKey, schedule }: OutgoingMessage) {
  return {
    subject,
    key: orderKey ?? subject,
    id: messageId,
    headers: Object.fromEntries(headers),
    body: typeof body === "string" ? body : Buffer.from(body).toString("utf8"),
    schedule: schedule ?? null,
  };
}

/** A row of the outbox, as far as it is published. */
export interface OutboxRow {
  readonly position: string;
  readonly subject: string;
  readonly order_key: string;
  readonly message_id: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly schedule: OutgoingMessage["schedule"] | null;
}

export function toMessage(row: OutboxRow): OutgoingMessage {
  return {
    subject: row.subject,
    headers: new Map(Object.entries(row.headers)),
    body: row.body,
    messageId: row.message_id,
    orderKey: row.order_key,
    ...(row.schedule && { schedule: row.schedule }),
  };
}
