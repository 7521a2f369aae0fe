// The event that every benchmark uses: a small order of three items. And what a handler says of the same order.

import { defineEvent, type EventInput } from "@throughline/contracts";
import { z } from "zod";

const key = (order: { readonly orderId: string }) => order.orderId;
const order = z.object({
  orderId: z.string(),
  customerId: z.string(),
  items: z.array(z.object({ sku: z.string(), quantity: z.int(), unitPriceCents: z.int() })),
  currency: z.string(),
});

export const OrderPlaced = defineEvent("orders.placed", { key }).version(1, order);
export const OrderConfirmed = defineEvent("orders.confirmed", { key }).version(1, order);

export function createOrder(number: number): EventInput<typeof OrderPlaced> {
  return {
    orderId: `order-${number}`,
    customerId: `customer-${number % 1_000}`,
    items: [
      { sku: "espresso-machine", quantity: 1, unitPriceCents: 64_900 },
      { sku: "coffee-beans", quantity: 2, unitPriceCents: 1_290 },
      { sku: "filter-paper", quantity: 4, unitPriceCents: 350 },
    ],
    currency: "EUR",
  };
}
