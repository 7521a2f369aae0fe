// What the journey's time went into: the chain of causes that ends with the newest event.

import type { Journey, JourneyEvent } from "./journey.ts";

export interface CriticalPath {
  /** From the first cause to the last effect. */
  readonly events: readonly JourneyEvent[];
  readonly waitMs: number;
  readonly workMs: number;
  /** From the first event of the path being stored to the last one. */
  readonly totalMs: number;
}

export function findCriticalPath({ events }: Pick<Journey, "events">): CriticalPath {
  const byId = new Map(events.map((event) => [event.id, event]));
  const path: JourneyEvent[] = [];
  for (let at = events.at(-1); at !== undefined && !path.includes(at); at = byId.get(at.causationId ?? "")) {
    path.unshift(at);
  }
  const sum = (part: (event: JourneyEvent) => number | undefined) =>
    path.reduce((total, event) => total + (part(event) ?? 0), 0);
  return {
    events: path,
    waitMs: sum(({ handling }) => handling?.waitMs),
    workMs: sum(({ handling }) => handling?.workMs),
    totalMs: (path.at(-1)?.storedAtMs ?? 0) - (path.at(0)?.storedAtMs ?? 0),
  };
}
