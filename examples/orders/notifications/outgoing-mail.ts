// The mail that waits for whatever sends it: a table, so that a mail exists exactly when its order ended.

import type { SqlTransaction } from "@throughline/core";

export interface Mail {
  readonly customerId: string;
  readonly orderId: string;
  readonly template: "order-confirmed" | "order-cancelled";
}

export const mailTables = `
create table if not exists notifications.mails (
  id bigint generated always as identity primary key,
  order_id text not null,
  customer_id text not null,
  template text not null,
  queued_at timestamptz not null default clock_timestamp()
)`;

/** Customers whose mailbox takes nothing, after the manner of card processors' test cards. */
const bouncing = /^bouncing-/;

/** @throws Error when the customer's mailbox takes nothing */
export async function queueMail(tx: SqlTransaction, { customerId, orderId, template }: Mail): Promise<void> {
  if (bouncing.test(customerId)) {
    throw new Error(`The mailbox of ${customerId} takes nothing.`);
  }
  await tx.query("insert into notifications.mails (order_id, customer_id, template) values ($1, $2, $3)", [
    orderId,
    customerId,
    template,
  ]);
}
