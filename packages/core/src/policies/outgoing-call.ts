// Calls to what is outside, through cockatiel's parts: retry around bulkhead around breaker around time-out.

import { ThroughlineError } from "@throughline/contracts";
import {
  BrokenCircuitError,
  BulkheadRejectedError,
  bulkhead,
  type CircuitBreakerPolicy,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
  type IBackoffFactory,
  type IPolicy,
  type IRetryBackoffContext,
  noop,
  type RetryPolicy as Retries,
  retry,
  TaskCancelledError,
  TimeoutStrategy,
  timeout,
  wrap,
} from "cockatiel";
import { handlingScope } from "./handling-scope.ts";
import type { PolicyParts, RetryPolicy } from "./policy.ts";
import { retryDelayMs } from "./retry-delay.ts";

/** One attempt; pass the signal to whatever it waits for. */
export type OutgoingCall<Result> = (attempt: { readonly signal: AbortSignal }) => PromiseLike<Result> | Result;

export interface OutgoingCallOptions {
  /** Ends the call, waits between attempts included. A handler's signal is taken by itself. */
  readonly signal?: AbortSignal;
}

export class OutgoingCalls {
  readonly #parts: PolicyParts;
  readonly #once: IPolicy;
  readonly #retries: Retries;
  #openedAtMs = 0;

  constructor(parts: PolicyParts) {
    this.#parts = parts;
    const isRetryable = (error: unknown) => parts.classify(toError(error)) === "retryable";
    const breaker = parts.breaker && this.#createBreaker(parts.breaker, isRetryable);
    this.#once = wrap(
      parts.bulkhead === undefined ? noop : bulkhead(parts.bulkhead.limit, parts.bulkhead.queue),
      breaker ?? noop,
      timeout(parts.timeoutMs, TimeoutStrategy.Aggressive),
    );
    this.#retries = retry(handleWhen(isRetryable), {
      maxAttempts: parts.retry.attempts - 1,
      backoff: backoffOf(parts.retry, 1),
    });
  }

  async execute<Result>(call: OutgoingCall<Result>, { signal }: OutgoingCallOptions = {}): Promise<Result> {
    const handling = handlingScope.getStore();
    const signals = [signal, handling?.signal].filter((one) => one !== undefined);
    const ended = signals.length > 0 ? AbortSignal.any(signals) : undefined;
    const attempt = () => this.#attempt(call, ended);
    return handling === undefined ? await this.#retries.execute(attempt, ended) : await attempt();
  }

  async #attempt<Result>(call: OutgoingCall<Result>, ended: AbortSignal | undefined): Promise<Result> {
    try {
      // The library takes what is thrown at once and what rejects alike, and awaits both.
      return await this.#once.execute(({ signal }) => call({ signal }), ended);
    } catch (error) {
      throw ended?.aborted === true ? ended.reason : this.#translate(error);
    }
  }

  #createBreaker(
    { failures, halfOpenAfterMs }: NonNullable<PolicyParts["breaker"]>,
    isRetryable: (error: unknown) => boolean,
  ): CircuitBreakerPolicy {
    const breaker = circuitBreaker(handleWhen(isRetryable), {
      halfOpenAfter: halfOpenAfterMs,
      breaker: new ConsecutiveBreaker(failures + 1),
    });
    breaker.onBreak(() => {
      this.#openedAtMs = Date.now();
    });
    return breaker;
  }

  #translate(error: unknown): unknown {
    const { timeoutMs, breaker, bulkhead: bounds } = this.#parts;
    if (error instanceof BrokenCircuitError) {
      const retryAfterMs = Math.max(0, this.#openedAtMs + (breaker?.halfOpenAfterMs ?? 0) - Date.now());
      return new ThroughlineError("BUS_CIRCUIT_OPEN", `The circuit is open for another ${retryAfterMs} ms.`, {
        details: { retryAfterMs },
        cause: error,
      });
    }
    if (error instanceof BulkheadRejectedError) {
      const { limit, queue } = bounds ?? { limit: 0, queue: 0 };
      return new ThroughlineError("BUS_BULKHEAD_FULL", `${limit} calls run and ${queue} wait, as many as may.`, {
        details: { limit, queue },
        cause: error,
      });
    }
    if (error instanceof TaskCancelledError) {
      return new ThroughlineError("BUS_CALL_TIMEOUT", `The call took longer than ${timeoutMs} ms.`, {
        details: { timeoutMs },
        cause: error,
      });
    }
    return error;
  }
}

function backoffOf(policy: RetryPolicy, failedAttempt: number): IBackoffFactory<IRetryBackoffContext<unknown>> {
  return {
    next: (context) => ({
      duration: retryDelayMs(policy, failedAttempt, Math.random()),
      next: () => backoffOf(policy, failedAttempt + 1).next(context),
    }),
  };
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
