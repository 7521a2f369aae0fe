// Puts messages into the outbox, in whatever transaction is open.

import { Buffer } from "node:buffer";
import type { OutgoingMessage, SqlTransaction } from "@throughline/core";
import { quoteLiteral } from "./sql-literal.ts";

/** One statement for any number of messages; whoever relays is told by Postgres when the transaction commits. */
export async function writeToOutbox(
  transaction: SqlTransaction,
  schema: string,
  messages: readonly OutgoingMessage[],
): Promise<void> {
  if (messages.length > 0) {
    const { routine, values } = callOf(schema, messages);
    const placeholders = values.map(({ type }, index) => `$${index + 1}::text${type === "json" ? "::json" : ""}`);
    await transaction.query(
      `${routine}(${placeholders.join(", ")}, true)`,
      values.map(({ text }) => text),
    );
  }
}

/**
 * Writes the messages and commits, in one breath: each trip to Postgres costs as much as what it does there. Nobody is told:
 * that is done afterwards.
 */
export async function writeAndCommit(
  transaction: SqlTransaction,
  schema: string,
  messages: readonly OutgoingMessage[],
): Promise<void> {
  if (messages.length === 0) {
    await transaction.query("commit");
    return;
  }
  const { routine, values } = callOf(schema, messages);
  const literals = values.map(({ text }) => (text === null ? "null" : quoteLiteral(text)));
  await transaction.query(`${routine}(${literals.join(", ")}, false); commit`);
}

interface Value {
  readonly type: "text" | "json";
  readonly text: string | null;
}

/** What is called, and with what before the word whether to tell. */
interface Call {
  readonly routine: string;
  readonly values: readonly Value[];
}

function callOf(schema: string, messages: readonly OutgoingMessage[]): Call {
  const [message] = messages;
  if (message === undefined || messages.length > 1) {
    const text = JSON.stringify(messages.map(toRecord));
    return { routine: `select ${schema}.enqueue`, values: [{ type: "json", text }] };
  }
  const { subject, key, id, headers, body, schedule } = toRecord(message);
  return {
    routine: `call ${schema}.enqueue_one`,
    values: [
      { type: "text", text: subject },
      { type: "text", text: key },
      { type: "text", text: id },
      { type: "json", text: JSON.stringify(headers) },
      { type: "text", text: body },
      { type: "json", text: schedule && JSON.stringify(schedule) },
    ],
  };
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
