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

const placedExample: z.input<typeof PlacedV1> = {
  orderId: "order-1",
  customerId: "customer-1",
  items: [{ sku: "coffee-beans", quantity: 2, unitPriceCents: 1_290 }],
  paymentMethod: "card-visa",
};

/** Version 2 says in which currency; before it, all prices were in euro. */
export const OrderPlaced = defineEvent("orders.placed", { key: orderKey, description: "A customer ordered." })
  .version(1, PlacedV1, { examples: [placedExample] })
  .version(2, PlacedV1.extend({ currency: z.string().length(3) }), {
    upcast: (order) => ({ ...order, currency: "EUR" }),
    downcast: ({ currency, ...order }) => {
      if (currency !== "EUR") {
        throw new Error(`Version 1 knows euro only; this order is in ${currency}.`);
      }
      return order;
    },
    examples: [{ ...placedExample, currency: "EUR" }],
  });

export const OrderConfirmed = defineEvent("orders.confirmed", {
  key: orderKey,
  description: "Stock is reserved and the money is captured: the order will be shipped.",
}).version(1, z.object({ orderId: z.string(), customerId: z.string(), paymentId: z.string() }));

const CancelledV1 = z.object({
  orderId: z.string(),
  customerId: z.string(),
  reason: z.enum(["out-of-stock", "payment-declined"]),
  explanation: z.string(),
});

/** Version 2 knows orders that nobody paid in time. */
export const OrderCancelled = defineEvent("orders.cancelled", {
  key: orderKey,
  description: "The order ends without effect; what was reserved for it is released, what was paid is given back.",
})
  .version(1, CancelledV1)
  .version(2, CancelledV1.extend({ reason: z.enum(["out-of-stock", "payment-declined", "overdue"]) }), {
    upcast: (order) => order,
    downcast: ({ reason, ...order }) => ({ ...order, reason: reason === "overdue" ? "payment-declined" : reason }),
  });
