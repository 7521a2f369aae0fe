// Captures the money for what is reserved. A payment is patient, never given up silently, and charged once.

import { defineService, policies, type Service } from "@throughline/core";
import { InventoryReserved, PaymentCaptured, PaymentDeclined } from "../contracts/index.ts";
import type { CardProcessor } from "./card-processor.ts";

export function createPayments(processor: CardProcessor): Service {
  const payments = defineService("payments", { publishes: [PaymentCaptured, PaymentDeclined] });

  payments.on(InventoryReserved, { name: "capture", order: "key", policy: policies.payment }, async (due, context) => {
    const { orderId, customerId, amountCents, currency } = due;
    const result = await processor.charge(due, { idempotencyKey: orderId, signal: context.signal });
    if (result.status === "declined") {
      await context.publish(PaymentDeclined, { orderId, customerId, reason: result.reason });
      return;
    }
    const { paymentId } = result;
    await context.publish(PaymentCaptured, { orderId, customerId, paymentId, amountCents, currency });
  });

  return payments;
}
