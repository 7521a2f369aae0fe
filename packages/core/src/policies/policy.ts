// How a subscription treats failure, chosen by business context: a payment is not a notification.

/** What one handling of an event may take, how often it is tried, and what happens when it never succeeds. */
export interface Policy {
  /** One attempt takes at most this long; then `context.signal` aborts and the attempt has failed. */
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  /** After the last attempt: keep the event as a dead letter, or drop it (counted and logged). */
  readonly onExhausted: "dead-letter" | "drop";
}

export interface RetryPolicy {
  /** Attempts in all, the first included. Deliveries count, so retries of the broker are never added on top. */
  readonly attempts: number;
  /** Upper bound of the wait before the second attempt; it doubles with every further one. */
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
}

/** Part of a policy; what is left out comes from `policies.standard`. */
export interface PolicyOptions {
  readonly timeoutMs?: number;
  readonly retry?: Partial<RetryPolicy>;
  readonly onExhausted?: Policy["onExhausted"];
}

const standard: Policy = {
  timeoutMs: 30_000,
  retry: { attempts: 8, initialDelayMs: 250, maxDelayMs: 60_000 },
  onExhausted: "dead-letter",
};

/** A policy out of the standard one and what differs from it. */
export function definePolicy(options: PolicyOptions = {}): Policy {
  return { ...standard, ...options, retry: { ...standard.retry, ...options.retry } };
}

/** Ready-made policies by business context. */
export const policies: { readonly standard: Policy; readonly payment: Policy; readonly notification: Policy } = {
  /** 8 attempts within about two minutes, then a dead letter. */
  standard,
  /** Money: patient and never given up silently. 12 attempts over about ten minutes, then a dead letter. */
  payment: definePolicy({ timeoutMs: 20_000, retry: { attempts: 12, initialDelayMs: 500, maxDelayMs: 120_000 } }),
  /** Best effort: 3 quick attempts, then dropped. */
  notification: definePolicy({
    timeoutMs: 5_000,
    retry: { attempts: 3, initialDelayMs: 200, maxDelayMs: 2_000 },
    onExhausted: "drop",
  }),
};

/** An attempt is never waited for less than this: a retry storm helps nobody. */
const minDelayMs = 10;

/** Exponential backoff with full jitter: between 10 ms and the doubled-up bound for the attempt that failed. */
export function retryDelayMs(retry: RetryPolicy, failedAttempt: number, random: number): number {
  const bound = Math.min(retry.maxDelayMs, retry.initialDelayMs * 2 ** Math.min(failedAttempt - 1, 30));
  return Math.max(minDelayMs, Math.round(bound * random));
}

/** Throw it from a handler when no further attempt can succeed: the event goes to the dead letters at once. */
export class PermanentError extends Error {
  override readonly name = "PermanentError";
}
