// What a failed attempt leads to: another attempt, a dead letter, a drop, or nothing more. One place decides.

import { ThroughlineError } from "@throughline/contracts";
import type { DeadLetterReason } from "../dead-letters/dead-letter.ts";
import { circuitOpenForMs } from "./failure-kind.ts";
import type { PolicyParts, RetryPolicy } from "./policy.ts";
import { retryDelayMs } from "./retry-delay.ts";

export interface FailedAttempt {
  readonly error: Error;
  readonly attempt: number;
  /** The event could not be read: no attempt will change that, unless its version is newer than this process. */
  readonly unreadable: boolean;
  /** How often it was put off for that reason. */
  readonly postponed: number;
}

export type FailureOutcome =
  /** `counted: false`: the dependency was not even asked, so the attempt was none. */
  | { readonly kind: "retry"; readonly delayMs: number; readonly counted: boolean }
  /** No attempt: somebody who knows its version may come. */
  | { readonly kind: "postpone"; readonly delayMs: number }
  | { readonly kind: "dead-letter"; readonly reason: DeadLetterReason }
  | { readonly kind: "drop" }
  | { readonly kind: "done" };

/** `random` in [0, 1) is the jitter of a retry. */
export function decideFailureOutcome(policy: PolicyParts, failed: FailedAttempt, random: number): FailureOutcome {
  if (failed.unreadable) {
    return isNewerThanKnown(failed.error)
      ? postpone(policy.newerVersion, failed.postponed)
      : { kind: "dead-letter", reason: "unreadable" };
  }
  const kind = policy.classify(failed.error);
  if (kind === "permanent") {
    return { kind: "dead-letter", reason: "permanent-failure" };
  }
  if (kind === "expected") {
    return { kind: "done" };
  }
  if (isOfStore(failed.error)) {
    const bound = storeRetryMs[failed.error.code as keyof typeof storeRetryMs];
    return { kind: "retry", delayMs: Math.round(bound * (0.5 + random / 2)), counted: false };
  }
  const delayMs = retryDelayMs(policy.retry, failed.attempt, random);
  const openForMs = circuitOpenForMs(failed.error);
  if (openForMs !== undefined) {
    return { kind: "retry", delayMs: openForMs + delayMs, counted: false };
  }
  if (failed.attempt < policy.retry.attempts) {
    return { kind: "retry", delayMs, counted: true };
  }
  return policy.onExhausted === "drop" ? { kind: "drop" } : { kind: "dead-letter", reason: "attempts-exhausted" };
}

/** Nothing was committed and the handler is not to blame: somebody else was quicker, or the database is away. */
const storeRetryMs = { STORE_CONFLICT: 100, STORE_UNAVAILABLE: 2_000 } as const;

function isOfStore(error: Error): error is ThroughlineError {
  return error instanceof ThroughlineError && error.code in storeRetryMs;
}

function isNewerThanKnown(error: Error): boolean {
  return error instanceof ThroughlineError && error.code === "CONTRACT_VERSION_UNKNOWN";
}

/** Without jitter: what it waits for is a deployment. */
function postpone(waits: RetryPolicy, postponed: number): FailureOutcome {
  return postponed + 1 < waits.attempts
    ? { kind: "postpone", delayMs: retryDelayMs(waits, postponed + 1, 1) }
    : { kind: "dead-letter", reason: "version-unknown" };
}
