// How each order stands, as the gateway shows it: made when the order is placed, changed by what is told about it.

import type { EventData, EventEnvelope } from "@throughline/contracts";
import type { SqlTransaction } from "@throughline/core";
import { z } from "zod";
import type { OrderCancelled, OrderConfirmed, OrderPlaced } from "../contracts/index.ts";

export const viewTables = `
create table if not exists gateway.orders (
  order_id text primary key,
  status text not null check (status in ('placed', 'confirmed', 'cancelled')),
  placed json,
  ended json,
  correlation_id text not null,
  placed_at timestamptz,
  ended_at timestamptz
)`;

/** What `GET /orders/{orderId}` answers. */
export const OrderView = z.object({
  orderId: z.string(),
  status: z.enum(["placed", "confirmed", "cancelled"]),
  customerId: z.string(),
  items: z.array(z.object({ sku: z.string(), quantity: z.int(), unitPriceCents: z.int() })),
  totalCents: z.int().meta({ description: "In cents of the currency." }),
  currency: z.string(),
  placedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().optional(),
  paymentId: z.string().optional().meta({ description: "Of a confirmed order." }),
  cancellation: z
    .object({ reason: z.enum(["out-of-stock", "payment-declined", "overdue"]), explanation: z.string() })
    .optional()
    .meta({ description: "Why a cancelled order was." }),
  correlationId: z.string().meta({ description: "The order's journey through all services." }),
});
export type OrderView = z.infer<typeof OrderView>;

type Placed = EventData<typeof OrderPlaced>;
type Ended = EventData<typeof OrderConfirmed> | EventData<typeof OrderCancelled>;

/** For an order placed here the row is there already; others come from elsewhere, and a redriven one after its end. */
export async function notePlaced(
  tx: SqlTransaction,
  order: Placed,
  { correlationId, time }: Pick<EventEnvelope, "correlationId" | "time">,
): Promise<void> {
  await tx.query(
    `insert into gateway.orders as o (order_id, status, placed, correlation_id, placed_at)
     values ($1, 'placed', $2, $3, $4)
     on conflict (order_id) do update set placed = excluded.placed, placed_at = excluded.placed_at where o.placed is null`,
    [order.orderId, JSON.stringify(order), correlationId, time],
  );
}

export async function noteEnd(
  tx: SqlTransaction,
  end: Ended,
  { correlationId, time }: Pick<EventEnvelope, "correlationId" | "time">,
): Promise<void> {
  await tx.query(
    `insert into gateway.orders as o (order_id, status, ended, correlation_id, ended_at) values ($1, $2, $3, $4, $5)
     on conflict (order_id) do update set status = excluded.status, ended = excluded.ended, ended_at = excluded.ended_at
     where o.status = 'placed'`,
    [end.orderId, "reason" in end ? "cancelled" : "confirmed", JSON.stringify(end), correlationId, time],
  );
}

interface Row {
  readonly status: OrderView["status"];
  readonly placed: Placed;
  readonly ended: Ended | null;
  readonly correlation_id: string;
  readonly placed_at: Date;
  readonly ended_at: Date | null;
}

export async function readOrderView(tx: SqlTransaction, orderId: string): Promise<OrderView | undefined> {
  const { rows } = await tx.query<Row>(
    `select status, placed, ended, correlation_id, placed_at, ended_at from gateway.orders
     where order_id = $1 and placed is not null`,
    [orderId],
  );
  return rows[0] && toView(rows[0]);
}

function toView({ status, placed, ended, correlation_id, placed_at, ended_at }: Row): OrderView {
  const { orderId, customerId, items, currency } = placed;
  return {
    orderId,
    status,
    customerId,
    items,
    totalCents: items.reduce((sum, { quantity, unitPriceCents }) => sum + quantity * unitPriceCents, 0),
    currency,
    placedAt: placed_at.toISOString(),
    ...(ended_at && { endedAt: ended_at.toISOString() }),
    ...(ended && "paymentId" in ended && { paymentId: ended.paymentId }),
    ...(ended && "reason" in ended && { cancellation: { reason: ended.reason, explanation: ended.explanation } }),
    correlationId: correlation_id,
  };
}
