// Decides how an order ends: confirmed once it is paid, cancelled when it cannot be, or is not in time.

import { defineService, type Service } from "@throughline/core";
import {
  InventoryOutOfStock,
  OrderCancelled,
  OrderConfirmed,
  OrderPlaced,
  PaymentCaptured,
  PaymentDeclined,
} from "../contracts/index.ts";
import { deadlineOf, readDeadlineMs } from "../deadline.ts";
import { endOrder, openOrder } from "./order-book.ts";

export interface OrdersOptions {
  /** Spreads confirming over instances, the events of an order in their order. Needs nats-server 2.10. Default: no. */
  readonly partitions?: number | undefined;
  /** How long an order may take from being placed to being paid. */
  readonly deadlineMs?: number;
}

export function createOrders({
  partitions,
  deadlineMs = readDeadlineMs(),
}: OrdersOptions = {}): Service<typeof OrderConfirmed | typeof OrderCancelled> {
  const orders = defineService("orders", { publishes: [OrderConfirmed, OrderCancelled] });

  orders.on(OrderPlaced, { name: "open", order: "key" }, async (order, context) => {
    const { id, key, correlationId, traceparent, tracestate } = context.event;
    const placedBy = { id, key, correlationId, traceparent, tracestate };
    await openOrder(context.tx, order, { placedBy, deadline: deadlineOf(context.event, deadlineMs) });
  });

  const confirming = { name: "confirm", order: "key", ...(partitions && { partitions }) } as const;
  orders.on(PaymentCaptured, confirming, async ({ orderId, customerId, paymentId }, context) => {
    // Too late for one that was cancelled meanwhile: its payment is given back because of that.
    if (await endOrder(context.tx, { orderId, customerId }, "confirmed")) {
      await context.publish(OrderConfirmed, { orderId, customerId, paymentId });
    }
  });

  orders.on(
    PaymentDeclined,
    { name: "cancel-unpaid", order: "key" },
    async ({ orderId, customerId, reason }, context) => {
      if (await endOrder(context.tx, { orderId, customerId }, "cancelled")) {
        await context.publish(OrderCancelled, { orderId, customerId, reason: "payment-declined", explanation: reason });
      }
    },
  );

  orders.on(InventoryOutOfStock, { name: "cancel-unavailable", order: "key" }, async (shortage, context) => {
    const { orderId, customerId, missing } = shortage;
    const explanation = missing
      .map(({ sku, requested, available }) => `${sku}: ${requested} of ${available}`)
      .join(", ");
    if (await endOrder(context.tx, { orderId, customerId }, "cancelled")) {
      await context.publish(OrderCancelled, { orderId, customerId, reason: "out-of-stock", explanation });
    }
  });

  return orders;
}
