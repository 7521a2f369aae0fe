// A journey as it went, one line an event in the order of storage: when, from whom to whom.

import { formatMs } from "./durations.ts";
import type { Journey } from "./journey.ts";

/** The time since the journey began, the service that spoke, what it said, and who listened. */
export function formatJourneySequence({ events }: Journey): string {
  const beganMs = events[0]?.storedAtMs ?? 0;
  const rows = events.map(({ type, service, storedAtMs, deliveries }) => ({
    at: `+${formatMs(Math.max(0, storedAtMs - beganMs))}`,
    service,
    type,
    to: deliveries.map(({ durable, state }) => (state === "handled" ? durable : `${durable} (${state})`)).join(", "),
  }));
  const width = (of: "at" | "service" | "type") => Math.max(0, ...rows.map((row) => row[of].length));
  return rows
    .map(({ at, service, type, to }) =>
      `${at.padStart(width("at"))}  ${service.padEnd(width("service"))}  ${type.padEnd(width("type"))}  ${to && `→ ${to}`}`.trimEnd(),
    )
    .join("\n");
}
