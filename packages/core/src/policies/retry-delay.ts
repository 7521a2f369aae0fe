// How long to wait before the next attempt.

import type { RetryPolicy } from "./policy.ts";

/** An attempt is never waited for less than this: a retry storm helps nobody. */
const minDelayMs = 10;

/** Exponential backoff with full jitter: between 10 ms and the doubled-up bound for the attempt that failed. */
export function retryDelayMs(retry: RetryPolicy, failedAttempt: number, random: number): number {
  const bound = Math.min(retry.maxDelayMs, retry.initialDelayMs * 2 ** Math.min(failedAttempt - 1, 30));
  return Math.max(minDelayMs, Math.round(bound * random));
}
