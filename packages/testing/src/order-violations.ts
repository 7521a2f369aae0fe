// Judges the order of events per key. What comes again is no violation: only the first arrival of each event counts.

import type { Item } from "./item-contract.ts";

/** For each event that came for the first time after a later one of its key, a sentence. */
export function findOrderViolations(arrivals: readonly Item[]): readonly string[] {
  const newest = new Map<string, number>();
  const seen = new Set<string>();
  const violations: string[] = [];
  for (const { key, n } of arrivals) {
    const before = newest.get(key) ?? -1;
    if (!seen.has(`${key}/${n}`) && n < before) {
      violations.push(`key ${key}: ${n} arrived after ${before}`);
    }
    seen.add(`${key}/${n}`);
    newest.set(key, Math.max(n, before));
  }
  return violations;
}
