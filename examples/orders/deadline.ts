// An order is paid in time or cancelled. Every service counts from when it was placed, which is in the id of its journey: who
// comes too late leaves the order alone. Else a backlog would make more work of the orders that nobody waits for any more, and
// never end.

import { type EventEnvelope, timeOfEventId } from "@throughline/contracts";

const standardMs = 900_000;

/** ORDER_DEADLINE_MS, or 15 min. */
export function readDeadlineMs({ env } = process): number {
  return Number(env["ORDER_DEADLINE_MS"] || standardMs);
}

/** When the journey's order is cancelled, unless it has ended by then. An id of another language's client may hold no time. */
export function deadlineOf(event: Pick<EventEnvelope, "correlationId" | "time">, deadlineMs: number): Date {
  return new Date((timeOfEventId(event.correlationId) ?? Date.parse(event.time)) + deadlineMs);
}

export function isOverdue(event: Pick<EventEnvelope, "correlationId" | "time">, deadlineMs: number): boolean {
  return deadlineOf(event, deadlineMs).getTime() < Date.now();
}
