// What happens to the stock because of an order.

import { defineEvent, defineProcedure } from "@throughline/contracts";
import { z } from "zod";

const orderKey = (reservation: { orderId: string }) => reservation.orderId;

export const InventoryReserved = defineEvent("inventory.reserved", {
  key: orderKey,
  description: "Everything in the order is set aside; carries what has to be paid.",
}).version(
  1,
  z.object({
    orderId: z.string(),
    customerId: z.string(),
    amountCents: z.int().min(0),
    currency: z.string().length(3),
    paymentMethod: z.string(),
  }),
);

export const InventoryOutOfStock = defineEvent("inventory.out-of-stock", {
  key: orderKey,
  description: "Nothing is set aside, because something in the order is missing.",
}).version(
  1,
  z.object({
    orderId: z.string(),
    customerId: z.string(),
    missing: z.array(z.object({ sku: z.string(), requested: z.int(), available: z.int() })),
  }),
);

export const InventoryReleased = defineEvent("inventory.released", {
  key: orderKey,
  description: "What was set aside for a cancelled order is for sale again.",
}).version(1, z.object({ orderId: z.string() }));

/** How much of an item could be ordered right now. Asked while a customer looks at it, so a late answer is none. */
export const CheckStock = defineProcedure("inventory.check-stock", {
  request: z.object({ sku: z.string().min(1).max(64) }),
  reply: z.object({ sku: z.string(), available: z.int().min(0) }),
  errors: { "unknown-sku": z.object({ sku: z.string() }) },
  timeoutMs: 1_000,
  idempotent: true,
});
