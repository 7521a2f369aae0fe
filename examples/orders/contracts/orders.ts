// What happens to an order.

import { defineEvent } from "@throughline/contracts";
import { z } from "zod";

const OrderItem = z.object({
  sku: z.string().min(1).max(64),
  quantity: z.int().min(1).max(1_000),
  unitPriceCents: z.int().min(0),
});
export type OrderItem = z.infer<typeof OrderItem>;

const orderKey = (order: { orderId: string }) => order.orderId;

const PlacedV1 = z.object({
  orderId: z.string().min(1),
  customerId: z.string().min(1),
  items: z.array(OrderItem).min(1).max(100),
  paymentMethod: z.string().min(1),
});

/** A customer ordered. Version 2 says in which currency; before it, all prices were in euro. */
export const OrderPlaced = defineEvent("orders.placed", { key: orderKey })
  .version(1, PlacedV1)
  .version(2, PlacedV1.extend({ currency: z.string().length(3) }), {
    upcast: (order) => ({ ...order, currency: "EUR" }),
  });

/** Stock is reserved and the money is captured: the order will be shipped. */
export const OrderConfirmed = defineEvent("orders.confirmed", { key: orderKey }).version(
  1,
  z.object({ orderId: z.string(), customerId: z.string(), paymentId: z.string() }),
);

/** The order ends without effect; what was reserved for it is released. */
export const OrderCancelled = defineEvent("orders.cancelled", { key: orderKey }).version(
  1,
  z.object({
    orderId: z.string(),
    customerId: z.string(),
    reason: z.enum(["out-of-stock", "payment-declined"]),
    explanation: z.string(),
  }),
);
