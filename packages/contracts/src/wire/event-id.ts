// Event ids are UUIDv7: unique, and sorted by time. An event that a handler publishes gets an id derived from what
// caused it, so a redelivered handler repeats the same ids and the stream drops the repetition.

import { hash } from "node:crypto";
import { v7 } from "uuid";
import { drawRandomBytes } from "./random-bytes.ts";

let lastMs = 0;
let sequence = 0;

/** A new UUIDv7; ids of one process sort in the order in which they were made. */
export function createEventId(): string {
  const random = drawRandomBytes(16);
  const now = Date.now();
  // Within a millisecond the sequence counts up from a random start, with room for two billion ids.
  sequence = now > lastMs ? random.readUInt32BE(6) >>> 2 : sequence + 1;
  lastMs = Math.max(now, lastMs);
  return v7({ random, msecs: lastMs, seq: sequence });
}

/**
 * The UUIDv7 that always belongs to these parts: the time of the causing event's id, and bits of a hash over the parts.
 * `causeId` that is no UUID (an event from outside) gives time zero.
 */
export function deriveEventId(causeId: string, ...parts: readonly string[]): string {
  const digest = hash("sha256", [causeId, ...parts].join("\0"), "buffer");
  return v7({ msecs: timeOfEventId(causeId) ?? 0, random: digest.subarray(0, 16), seq: digest.readUInt32BE(16) });
}

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** Milliseconds since 1970 held in a UUIDv7; undefined for any other id. */
export function timeOfEventId(id: string): number | undefined {
  return uuidV7.test(id) ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined;
}
