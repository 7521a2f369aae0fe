// Event ids are UUIDv7: unique, and sorted by time. An event that a handler publishes gets an id derived from what
// caused it, so a redelivered handler repeats the same ids and the stream drops the repetition.

import { createHash } from "node:crypto";
import { v7 } from "uuid";

/** A new UUIDv7. */
export function createEventId(): string {
  return v7();
}

/**
 * The UUIDv7 that always belongs to these parts: the time of the causing event's id, and bits of a hash over the parts.
 * `causeId` that is no UUID (an event from outside) gives time zero.
 */
export function deriveEventId(causeId: string, ...parts: readonly string[]): string {
  const hash = createHash("sha256").update(causeId);
  for (const part of parts) {
    hash.update("\0").update(part);
  }
  const digest = hash.digest();
  return v7({ msecs: timeOfEventId(causeId) ?? 0, random: digest.subarray(0, 16), seq: digest.readUInt32BE(16) });
}

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** Milliseconds since 1970 held in a UUIDv7; undefined for any other id. */
export function timeOfEventId(id: string): number | undefined {
  return uuidV7.test(id) ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined;
}
