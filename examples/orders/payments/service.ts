// Captures the money for what is reserved. A payment is patient, never given up silently, and charged once.

import { definePolicy, defineService, policies, type Service } from "@throughline/core";
import { InventoryReserved, PaymentCaptured, PaymentDeclined } from "../contracts/index.ts";
import type { CardProcessor } from "./card-processor.ts";

/**
 * One call to the processor. It is shorter than an attempt, so that a slow processor costs a call and not the whole
 * attempt; whether the processor is down at all is for the subscription's breaker to say.
 */
const cardCall = definePolicy({ timeoutMs: 8_000, bulkhead: { limit: 16, queue: 16 } });

export function createPayments(processor: CardProcessor): Service {
  const payments = defineService("payments", { publishes: [PaymentCaptured, PaymentDeclined] });

  payments.on(InventoryReserved, { name: "capture", order: "key", policy: policies.payment }, async (due, context) => {
    const { orderId, customerId, amountCents, currency } = due;
    const result = await cardCall.execute(({ signal }) => processor.charge(due, { idempotencyKey: orderId, signal }));
    if (result.status === "declined") {
      await context.publish(PaymentDeclined, { orderId, customerId, reason: result.reason });
      return;
    }
    const { paymentId } = result;
    await context.publish(PaymentCaptured, { orderId, customerId, paymentId, amountCents, currency });
  });

  return payments;
}
