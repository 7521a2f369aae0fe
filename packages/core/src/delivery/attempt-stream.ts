// Where attempts that failed are noted: `attempts.<stream>.<sequence>.<durable>`, the newest record of each.

import type { StoredAt } from "@throughline/contracts";
import type { StreamTopology } from "../transport.ts";

const dayMs = 86_400_000;

/** Longer than any policy retries; a note about an event that is done helps whoever looks at its journey. */
export const attemptStream: StreamTopology = {
  name: "ATTEMPTS",
  subjects: ["attempts.>"],
  keep: { newestPerSubject: true, forMs: 7 * dayMs },
};

/** The subject of one durable's record of one event. */
export function subjectOfAttempts(durable: string, { stream, sequence }: StoredAt): string {
  return `attempts.${stream}.${sequence}.${durable}`;
}
