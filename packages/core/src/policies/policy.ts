// How a subscription or an outgoing call treats failure, chosen by business context: a payment is not a notification.

import { ThroughlineError } from "@throughline/contracts";
import { classifyError, type FailureKind } from "./failure-kind.ts";
import { type OutgoingCall, type OutgoingCallOptions, OutgoingCalls } from "./outgoing-call.ts";

/** What one handling or call may take, how often it is tried, and what happens when it never succeeds. */
export interface PolicyParts {
  /** One attempt takes at most this long; then its signal aborts and the attempt has failed. */
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  /** Stops the work while what it depends on is down. Undefined: no breaker. */
  readonly breaker: BreakerPolicy | undefined;
  /** Bounds how much runs at a time, so that one slow dependency cannot take everything. Undefined: no bound. */
  readonly bulkhead: BulkheadPolicy | undefined;
  /** What an error means. Default: `PermanentError` and `ExpectedError` mean what they say, all else can pass. */
  readonly classify: (error: Error) => FailureKind;
  /** After the last attempt: keep the event as a dead letter, or drop it (counted and logged). */
  readonly onExhausted: "dead-letter" | "drop";
  /**
   * How often and how long an event waits whose version is newer than this process knows: during a roll-out somebody who
   * knows it comes soon. None of these waits is an attempt. Then it is a dead letter. Default: about an hour.
   */
  readonly newerVersion: RetryPolicy;
}

/** A policy, ready for subscriptions (`on(…, { policy })`) and for outgoing calls (`policy.execute`). */
export interface Policy extends PolicyParts {
  /**
   * Runs a call to something outside: with time-out, breaker and bulkhead, and tried again as `retry` says. Inside a
   * handler it is tried once, because the handler's own attempts follow: retries never multiply. All calls of one
   * policy object share one breaker and one bulkhead, so define a policy for each dependency.
   * @throws BUS_CIRCUIT_OPEN, BUS_BULKHEAD_FULL, BUS_CALL_TIMEOUT, or the error of the call's last attempt
   */
  execute<Result>(call: OutgoingCall<Result>, options?: OutgoingCallOptions): Promise<Result>;
}

export interface RetryPolicy {
  /** Attempts in all, the first included. Deliveries count, so retries of the broker are never added on top. */
  readonly attempts: number;
  /** Upper bound of the wait before the second attempt; it doubles with every further one. */
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
}

export interface BreakerPolicy {
  /** Opens when more events than this fail in a row. One event that fails again and again counts once. Default 5. */
  readonly failures: number;
  /** How long nothing runs before one event is tried as a probe. Default 30,000 ms. */
  readonly halfOpenAfterMs: number;
  /**
   * `"instance"` (default): this process alone stops. `"fleet"`: all instances of the subscription stop at once, through
   * a pause of the durable consumer that ends by itself when this process dies (nats-server 2.11).
   */
  readonly scope: "instance" | "fleet";
}

export interface BulkheadPolicy {
  /** Calls at a time; the default of `concurrency` where the policy is a subscription's. */
  readonly limit: number;
  /** Calls that may wait for a place; more are refused with BUS_BULKHEAD_FULL. Default 0. */
  readonly queue: number;
}

/** Part of a policy; what is left out comes from `policies.standard`. */
export interface PolicyOptions {
  readonly timeoutMs?: number;
  readonly retry?: Partial<RetryPolicy>;
  readonly breaker?: Partial<BreakerPolicy> | undefined;
  readonly bulkhead?: (Pick<BulkheadPolicy, "limit"> & Partial<BulkheadPolicy>) | undefined;
  readonly classify?: Policy["classify"];
  readonly onExhausted?: Policy["onExhausted"];
  readonly newerVersion?: Partial<RetryPolicy>;
}

const standardParts: PolicyParts = {
  timeoutMs: 30_000,
  retry: { attempts: 8, initialDelayMs: 250, maxDelayMs: 60_000 },
  breaker: undefined,
  bulkhead: undefined,
  classify: classifyError,
  onExhausted: "dead-letter",
  newerVersion: { attempts: 18, initialDelayMs: 5_000, maxDelayMs: 300_000 },
};

const standardBreaker: BreakerPolicy = { failures: 5, halfOpenAfterMs: 30_000, scope: "instance" };

/** A policy out of the standard one and what differs from it. @throws BUS_POLICY_INVALID */
export function definePolicy(options: PolicyOptions = {}): Policy {
  const { timeoutMs, retry, breaker, bulkhead, classify, onExhausted, newerVersion } = options;
  const parts: PolicyParts = {
    timeoutMs: timeoutMs ?? standardParts.timeoutMs,
    retry: { ...standardParts.retry, ...retry },
    breaker: breaker && { ...standardBreaker, ...breaker },
    bulkhead: bulkhead && { queue: 0, ...bulkhead },
    classify: classify ?? standardParts.classify,
    onExhausted: onExhausted ?? standardParts.onExhausted,
    newerVersion: { ...standardParts.newerVersion, ...newerVersion },
  };
  requireSensible(parts);
  let calls: OutgoingCalls | undefined;
  return {
    ...parts,
    execute: (call, callOptions) => {
      calls ??= new OutgoingCalls(parts);
      return calls.execute(call, callOptions);
    },
  };
}

/** Ready-made policies by business context; docs/guides/policies.md says which to take when. */
export const policies: { readonly standard: Policy; readonly payment: Policy; readonly notification: Policy } = {
  /** 8 attempts within about two minutes, then a dead letter. */
  standard: definePolicy(),
  /**
   * Money: patient and never given up silently. 12 attempts over about ten minutes, a breaker in front of the processor,
   * then a dead letter.
   */
  payment: definePolicy({
    timeoutMs: 20_000,
    retry: { attempts: 12, initialDelayMs: 500, maxDelayMs: 120_000 },
    breaker: {},
    bulkhead: { limit: 16 },
  }),
  /** Best effort: 3 quick attempts, then dropped. */
  notification: definePolicy({
    timeoutMs: 5_000,
    retry: { attempts: 3, initialDelayMs: 200, maxDelayMs: 2_000 },
    bulkhead: { limit: 32 },
    onExhausted: "drop",
  }),
};

function requireSensible({ timeoutMs, retry, breaker, bulkhead, newerVersion }: PolicyParts): void {
  requireAtLeast("timeoutMs", timeoutMs, 1);
  for (const [part, { attempts, initialDelayMs, maxDelayMs }] of Object.entries({ retry, newerVersion })) {
    requireWhole(`${part}.attempts`, attempts, 1);
    requireAtLeast(`${part}.initialDelayMs`, initialDelayMs, 0);
    requireAtLeast(`${part}.maxDelayMs`, maxDelayMs, 0);
  }
  if (breaker !== undefined) {
    requireWhole("breaker.failures", breaker.failures, 0);
    requireAtLeast("breaker.halfOpenAfterMs", breaker.halfOpenAfterMs, 1);
  }
  if (bulkhead !== undefined) {
    requireWhole("bulkhead.limit", bulkhead.limit, 1);
    requireWhole("bulkhead.queue", bulkhead.queue, 0);
  }
}

function requireAtLeast(part: string, value: number, least: number): void {
  if (!Number.isFinite(value) || value < least) {
    throw invalidPolicy(part, `a number from ${least}`, value);
  }
}

function requireWhole(part: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw invalidPolicy(part, `a whole number from ${least}`, value);
  }
}

function invalidPolicy(part: string, expected: string, found: number): ThroughlineError {
  return new ThroughlineError("BUS_POLICY_INVALID", `${part}: expected ${expected}, found ${found}.`, {
    details: { part, expected, found },
  });
}
