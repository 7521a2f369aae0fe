// What a failed attempt leads to: another attempt, a dead letter, or a drop. One place decides, and counts attempts.

import type { DeadLetterReason } from "../dead-letters/dead-letter.ts";
import { PermanentError, type Policy, retryDelayMs } from "./policy.ts";

export interface FailedAttempt {
  readonly error: Error;
  readonly attempt: number;
  /** The event could not be read: no attempt will change that. */
  readonly unreadable: boolean;
}

export type FailureOutcome =
  | { readonly kind: "retry"; readonly delayMs: number }
  | { readonly kind: "dead-letter"; readonly reason: DeadLetterReason }
  | { readonly kind: "drop" };

/** `random` in [0, 1) is the jitter of a retry. */
export function decideFailureOutcome(policy: Policy, failed: FailedAttempt, random: number): FailureOutcome {
  if (failed.unreadable) {
    return { kind: "dead-letter", reason: "unreadable" };
  }
  if (failed.error instanceof PermanentError) {
    return { kind: "dead-letter", reason: "permanent-failure" };
  }
  if (failed.attempt < policy.retry.attempts) {
    return { kind: "retry", delayMs: retryDelayMs(policy.retry, failed.attempt, random) };
  }
  return policy.onExhausted === "drop" ? { kind: "drop" } : { kind: "dead-letter", reason: "attempts-exhausted" };
}
