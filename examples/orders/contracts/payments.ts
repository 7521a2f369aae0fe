// What happens to the money of an order.

import { defineEvent } from "@throughline/contracts";
import { z } from "zod";

const orderKey = (payment: { orderId: string }) => payment.orderId;

const Payment = z.object({
  orderId: z.string(),
  customerId: z.string(),
  paymentId: z.string(),
  amountCents: z.int().min(0),
  currency: z.string().length(3),
});

export const PaymentCaptured = defineEvent("payments.captured", {
  key: orderKey,
  description: "The money for an order is taken.",
}).version(1, Payment);

export const PaymentRefunded = defineEvent("payments.refunded", {
  key: orderKey,
  description: "The order was cancelled after its money was taken: the customer has it back.",
}).version(1, Payment);

export const PaymentDeclined = defineEvent("payments.declined", {
  key: orderKey,
  description: "The card processor takes no money for this order.",
}).version(1, z.object({ orderId: z.string(), customerId: z.string(), reason: z.string() }));
