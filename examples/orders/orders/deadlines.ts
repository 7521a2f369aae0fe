// Cancels what was not paid in time, so that every order ends, whatever is down.

import type { Logger, RunningService } from "@throughline/core";
import { OrderCancelled } from "../contracts/index.ts";
import { cancelOverdue } from "./order-book.ts";

const everyMs = 1_000;
const atOnce = 100;

/** Looks now and then; returns how to end it. */
export function watchDeadlines(orders: RunningService<typeof OrderCancelled>, logger: Logger): () => void {
  let isLooking = false;
  const look = async () => {
    if (isLooking) {
      return;
    }
    isLooking = true;
    try {
      while ((await cancelSome(orders)) === atOnce) {}
    } catch (error) {
      logger.warn({ err: error }, "overdue orders are not cancelled at the moment; it is tried again");
    } finally {
      isLooking = false;
    }
  };
  const timer = setInterval(() => void look(), everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** The order's end and the event that tells it commit together. Resolves with how many there were. */
async function cancelSome(orders: RunningService<typeof OrderCancelled>): Promise<number> {
  return await orders.transaction(async (tx) => {
    const overdue = await cancelOverdue(tx, atOnce);
    for (const { orderId, customerId, placedBy } of overdue) {
      const cancelled = { orderId, customerId, reason: "overdue", explanation: "it was not paid in time" } as const;
      await orders.publish(OrderCancelled, cancelled, { causedBy: placedBy, transaction: tx });
    }
    return overdue.length;
  });
}
