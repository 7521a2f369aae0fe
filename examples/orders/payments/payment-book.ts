// What is known of each order's payment. The order id is the processor's idempotency key.

import type { SqlTransaction } from "@throughline/core";

export type PaymentStatus = "captured" | "declined" | "voided";

export const paymentTables = `
create table if not exists payments.payments (
  order_id text primary key,
  status text not null check (status in ('captured', 'declined', 'voided')),
  payment_id text,
  amount_cents integer,
  currency text,
  changed_at timestamptz not null default clock_timestamp()
)`;

export interface Payment {
  readonly status: PaymentStatus;
  readonly paymentId?: string | undefined;
  readonly amountCents?: number | undefined;
  readonly currency?: string | undefined;
}

/** The order's payment, which nobody else changes until this transaction ends. */
export async function findPayment(tx: SqlTransaction, orderId: string): Promise<Payment | undefined> {
  const { rows } = await tx.query<Payment>(
    `select status, payment_id as "paymentId", amount_cents as "amountCents", currency
     from payments.payments where order_id = $1 for update`,
    [orderId],
  );
  return rows[0];
}

/** What was voided stays voided, whatever an attempt at capturing says later. */
export async function notePayment(
  tx: SqlTransaction,
  orderId: string,
  { status, paymentId, amountCents, currency }: Payment,
): Promise<void> {
  await tx.query(
    `insert into payments.payments (order_id, status, payment_id, amount_cents, currency) values ($1, $2, $3, $4, $5)
     on conflict (order_id) do update set status = excluded.status, changed_at = clock_timestamp()
     where payments.status <> 'voided'`,
    [orderId, status, paymentId ?? null, amountCents ?? null, currency ?? null],
  );
}
