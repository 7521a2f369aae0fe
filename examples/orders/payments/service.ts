// Captures the money for what is reserved, and gives it back for orders that were cancelled. A payment is patient, never
// given up silently, and charged once.

import { definePolicy, defineService, policies, type Service } from "@throughline/core";
import {
  InventoryReserved,
  OrderCancelled,
  PaymentCaptured,
  PaymentDeclined,
  PaymentRefunded,
} from "../contracts/index.ts";
import { isOverdue, readDeadlineMs } from "../deadline.ts";
import type { CardProcessor } from "./card-processor-client.ts";
import { findPayment, notePayment } from "./payment-book.ts";

/**
 * One call to the processor. It is shorter than an attempt, so that a slow processor costs a call and not the whole
 * attempt; whether the processor is down at all is for the subscription's breaker to say.
 */
const cardCall = definePolicy({ timeoutMs: 8_000, bulkhead: { limit: 16, queue: 16 } });
/** As patient as any payment; this processor is back within seconds when it is away, so it is asked again soon. */
const cardPayment = definePolicy({ ...policies.payment, breaker: { halfOpenAfterMs: 5_000 } });
/** A handling keeps one connection to the database while it waits for the processor. */
const concurrency = 7;

export function createPayments(processor: CardProcessor, deadlineMs: number = readDeadlineMs()): Service {
  const payments = defineService("payments", { publishes: [PaymentCaptured, PaymentDeclined, PaymentRefunded] });
  const patient = { order: "key", policy: cardPayment, concurrency } as const;

  payments.on(InventoryReserved, { ...patient, name: "capture" }, async (due, context) => {
    const { orderId, customerId, amountCents, currency } = due;
    if (isOverdue(context.event, deadlineMs) || (await findPayment(context.tx, orderId)) !== undefined) {
      // Cancelled before it was paid, or about to be.
      return;
    }
    const answer = await cardCall.execute(({ signal }) => processor.charge(due, { idempotencyKey: orderId, signal }));
    if (answer.status === "captured") {
      const { paymentId } = answer;
      await notePayment(context.tx, orderId, { status: "captured", paymentId, amountCents, currency });
      await context.publish(PaymentCaptured, { orderId, customerId, paymentId, amountCents, currency });
    } else if (answer.status === "declined") {
      await notePayment(context.tx, orderId, { status: "declined" });
      await context.publish(PaymentDeclined, { orderId, customerId, reason: answer.reason });
    }
  });

  payments.on(OrderCancelled, { ...patient, name: "give-back" }, async ({ orderId, customerId, reason }, context) => {
    if (reason !== "overdue") {
      // Nothing was taken: it was out of stock, or the card was declined.
      return;
    }
    const payment = await findPayment(context.tx, orderId);
    if (payment?.status === "declined") {
      return;
    }
    // Asked even where no payment is noted: one may have been taken by an attempt that could not commit.
    const { refund } = await cardCall.execute(({ signal }) => processor.void({ idempotencyKey: orderId, signal }));
    await notePayment(context.tx, orderId, { status: "voided", ...refund });
    if (refund !== undefined) {
      await context.publish(PaymentRefunded, { orderId, customerId, ...refund });
    }
  });

  return payments;
}
