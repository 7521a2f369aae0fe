// Many events in one call: what makes a batch valid, and what to say when only some of it was stored.

import { type AnyEventContract, ThroughlineError } from "@throughline/contracts";
import type { PublishOptions } from "./publish-options.ts";

/** One event of a batch. */
export type PublishEntry = readonly [contract: AnyEventContract, data: unknown, options?: PublishOptions];

/** What the server takes in one atomic batch. */
const maxAtomicEvents = 1_000;

/** @throws BUS_PUBLISH_INVALID */
export function requireAtomicBatch(entries: readonly PublishEntry[]): void {
  const problem = problemOfAtomicBatch(entries);
  if (problem !== undefined) {
    throw new ThroughlineError("BUS_PUBLISH_INVALID", `An atomic batch has limits: ${problem}.`);
  }
}

function problemOfAtomicBatch(entries: readonly PublishEntry[]): string | undefined {
  const contexts = new Set(entries.map(([contract]) => contract.context));
  if (contexts.size > 1) {
    return `all events belong to one context; found ${[...contexts].join(", ")}`;
  }
  if (entries.length > maxAtomicEvents) {
    return `at most ${maxAtomicEvents} events; found ${entries.length}`;
  }
  return entries.some(([, , options]) => options?.schedule !== undefined)
    ? "a scheduled event is published by itself"
    : undefined;
}

export function batchIncomplete(
  entries: readonly PublishEntry[],
  failures: readonly { readonly index: number; readonly reason: unknown }[],
): ThroughlineError {
  const failed = failures.map(({ index, reason }) => ({
    index,
    type: entries[index]?.[0].type,
    ...(reason instanceof ThroughlineError
      ? { code: reason.code, eventId: reason.details["eventId"] }
      : { code: String(reason) }),
  }));
  return new ThroughlineError(
    "BUS_BATCH_INCOMPLETE",
    `${failures.length} of ${entries.length} events were not stored; the first: ${String(failures[0]?.reason)}`,
    { details: { stored: entries.length - failures.length, failed }, cause: failures[0]?.reason },
  );
}
