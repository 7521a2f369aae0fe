// The order after four changes, each a version of its own: what an old event goes through before a handler gets it.

import { defineEvent, type EventInput } from "@throughline/contracts";
import { z } from "zod";
import { createOrder } from "./order-contract.ts";

const Item = z.object({ sku: z.string(), quantity: z.int(), unitPriceCents: z.int() });
const V1 = z.object({ orderId: z.string(), customerId: z.string(), items: z.array(Item), currency: z.string() });
const V2 = V1.extend({ channel: z.enum(["web", "shop"]) });
const V3 = V2.extend({ note: z.string() });
const V4 = V3.omit({ customerId: true }).extend({ customer: z.object({ id: z.string() }) });
const V5 = V4.extend({ totalCents: z.int() });

export const EvolvedOrder = defineEvent("orders.evolved", { key: (order: { orderId: string }) => order.orderId })
  .version(1, V1)
  .version(2, V2, { upcast: (v1) => ({ ...v1, channel: "web" as const }), downcast: ({ channel: _, ...v1 }) => v1 })
  .version(3, V3, { upcast: (v2) => ({ ...v2, note: "" }), downcast: ({ note: _, ...v2 }) => v2 })
  .version(4, V4, {
    upcast: ({ customerId, ...v3 }) => ({ ...v3, customer: { id: customerId } }),
    downcast: ({ customer, ...v3 }) => ({ ...v3, customerId: customer.id }),
  })
  .version(5, V5, {
    upcast: (v4) => ({
      ...v4,
      totalCents: v4.items.reduce((sum, item) => sum + item.quantity * item.unitPriceCents, 0),
    }),
    downcast: ({ totalCents: _, ...v4 }) => v4,
  });

export function createEvolvedOrder(number: number): EventInput<typeof EvolvedOrder> {
  const { customerId, ...order } = createOrder(number);
  return { ...order, customer: { id: customerId }, channel: "web", note: "", totalCents: 68_880 };
}
