// Decides how an order ends: confirmed once it is paid, cancelled when it cannot be.

import { defineService, type Service } from "@throughline/core";
import {
  InventoryOutOfStock,
  OrderCancelled,
  OrderConfirmed,
  PaymentCaptured,
  PaymentDeclined,
} from "../contracts/index.ts";

export interface OrdersOptions {
  /** Spreads confirming over instances, the events of an order in their order. Needs nats-server 2.10. Default: no. */
  readonly partitions?: number | undefined;
}

export function createOrders({ partitions }: OrdersOptions = {}): Service {
  const orders = defineService("orders", { publishes: [OrderConfirmed, OrderCancelled] });

  const confirming = { name: "confirm", order: "key", ...(partitions && { partitions }) } as const;
  orders.on(PaymentCaptured, confirming, async ({ orderId, customerId, paymentId }, context) => {
    await context.publish(OrderConfirmed, { orderId, customerId, paymentId });
  });

  orders.on(
    PaymentDeclined,
    { name: "cancel-unpaid", order: "key" },
    async ({ orderId, customerId, reason }, context) => {
      await context.publish(OrderCancelled, { orderId, customerId, reason: "payment-declined", explanation: reason });
    },
  );

  orders.on(InventoryOutOfStock, { name: "cancel-unavailable", order: "key" }, async (shortage, context) => {
    const { orderId, customerId, missing } = shortage;
    const explanation = missing
      .map(({ sku, requested, available }) => `${sku}: ${requested} of ${available}`)
      .join(", ");
    await context.publish(OrderCancelled, { orderId, customerId, reason: "out-of-stock", explanation });
  });

  return orders;
}
