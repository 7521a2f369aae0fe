// How each order stands. An order ends once: whoever comes first decides, and everybody later finds it decided.

import type { EarlierEvent, SqlTransaction } from "@throughline/core";

export type OrderEnd = "confirmed" | "cancelled";

/** What is known of an order that was not paid in time. */
export interface OverdueOrder {
  readonly orderId: string;
  readonly customerId: string;
  /** The event that placed it. */
  readonly placedBy: EarlierEvent;
}

export const orderTables = `
create table if not exists orders.orders (
  order_id text primary key,
  customer_id text not null,
  status text not null check (status in ('placed', 'confirmed', 'cancelled')),
  placed_by json,
  deadline timestamptz,
  ended_at timestamptz
);
create index if not exists orders_open on orders.orders (deadline) where status = 'placed'`;

/** Notes that the order exists, unless it has ended already: events of different streams overtake each other. */
export async function openOrder(
  tx: SqlTransaction,
  order: { readonly orderId: string; readonly customerId: string },
  { placedBy, deadline }: { readonly placedBy: EarlierEvent; readonly deadline: Date },
): Promise<void> {
  await tx.query(
    `insert into orders.orders (order_id, customer_id, status, placed_by, deadline)
     values ($1, $2, 'placed', $3, $4) on conflict do nothing`,
    [order.orderId, order.customerId, JSON.stringify(placedBy), deadline],
  );
}

/** True for whoever ends the order, and for nobody after. */
export async function endOrder(
  tx: SqlTransaction,
  order: { readonly orderId: string; readonly customerId: string },
  end: OrderEnd,
): Promise<boolean> {
  const { rows } = await tx.query(
    `insert into orders.orders as o (order_id, customer_id, status, ended_at) values ($1, $2, $3, clock_timestamp())
     on conflict (order_id) do update set status = excluded.status, ended_at = excluded.ended_at
     where o.status = 'placed' returning 1`,
    [order.orderId, order.customerId, end],
  );
  return rows.length > 0;
}

/** Cancels orders whose deadline has passed. Instances share them: nobody waits for what another one has at hand. */
export async function cancelOverdue(tx: SqlTransaction, atMost: number): Promise<readonly OverdueOrder[]> {
  const { rows } = await tx.query<{ order_id: string; customer_id: string; placed_by: EarlierEvent }>(
    `update orders.orders set status = 'cancelled', ended_at = clock_timestamp()
     where order_id in (
       select order_id from orders.orders where status = 'placed' and deadline < clock_timestamp()
       order by deadline limit $1 for update skip locked
     ) returning order_id, customer_id, placed_by`,
    [atMost],
  );
  return rows.map((row) => ({ orderId: row.order_id, customerId: row.customer_id, placedBy: row.placed_by }));
}
