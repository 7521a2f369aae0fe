// Several ways to the same thing, tried one after another.

import { describe, type FailedAttempt, type ServersError } from "./servers-error.ts";

/** A name for people, and a try that rejects where it leads to nothing. */
export type Way<Source extends string, Found> = readonly [source: Source, find: (source: Source) => Promise<Found>];

/** What the first way leads to that leads to anything; otherwise rejects with what `fail` makes of all that was tried. */
export async function findFirst<Source extends string, Found>(
  ways: readonly Way<Source, Found>[],
  fail: (attempts: readonly FailedAttempt[]) => ServersError,
): Promise<Found> {
  const attempts: FailedAttempt[] = [];
  for (const [source, find] of ways) {
    try {
      return await find(source);
    } catch (error) {
      attempts.push({ source, reason: describe(error) });
    }
  }
  throw fail(attempts);
}
