// What happens to the money of an order.

import { defineEvent } from "@throughline/contracts";
import { z } from "zod";

const orderKey = (payment: { orderId: string }) => payment.orderId;

export const PaymentCaptured = defineEvent("payments.captured", { key: orderKey }).version(
  1,
  z.object({
    orderId: z.string(),
    customerId: z.string(),
    paymentId: z.string(),
    amountCents: z.int().min(0),
    currency: z.string().length(3),
  }),
);

export const PaymentDeclined = defineEvent("payments.declined", { key: orderKey }).version(
  1,
  z.object({ orderId: z.string(), customerId: z.string(), reason: z.string() }),
);
