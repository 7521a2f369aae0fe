// The circuit breaker of one subscription: cockatiel's state machine, told about every outcome, on the engine's own clock.

import { type CircuitBreakerPolicy, CircuitState, ConsecutiveBreaker, circuitBreaker, handleAll } from "cockatiel";
import type { Clock } from "../clock.ts";
import type { BreakerPolicy } from "../policies/policy.ts";

export interface CircuitListener {
  /** Nothing may start from here on. */
  opened(error: Error): void;
  /** Time for one event to be tried: `beginProbe` follows once there is one. */
  halfOpened(): void;
  closed(): void;
}

export type CircuitPhase = "closed" | "open" | "half-open";

const nothing = (): void => undefined;

export class Circuit {
  readonly #breaker: CircuitBreakerPolicy;
  readonly #policy: BreakerPolicy;
  readonly #clock: Clock;
  readonly #listener: CircuitListener;
  /** Events that failed since the last success: one that fails again and again says nothing about the others. */
  readonly #failing = new Set<number>();
  #phase: CircuitPhase = "closed";
  #probe: { readonly id: number; readonly outcome: PromiseWithResolvers<void> } | undefined;
  #cancelTimer: () => void = nothing;
  #openUntilMs = 0;
  #lastError: Error | undefined;
  /** Resolves when the library has taken the probe's outcome in. */
  #settled: Promise<void> = Promise.resolve();

  constructor(policy: BreakerPolicy, clock: Clock, listener: CircuitListener) {
    this.#policy = policy;
    this.#clock = clock;
    this.#listener = listener;
    // When to probe is for the engine's clock to say; then the library has to be willing at once.
    this.#breaker = circuitBreaker(handleAll, {
      halfOpenAfter: 0,
      breaker: new ConsecutiveBreaker(policy.failures + 1),
    });
    this.#breaker.onStateChange((state) => this.#enter(state));
  }

  get phase(): CircuitPhase {
    return this.#phase;
  }

  /** What health says while it is not closed. */
  get problem(): string | undefined {
    const why = this.#lastError === undefined ? "" : ` after ${this.#lastError.name}: ${this.#lastError.message}`;
    if (this.#phase === "open") {
      return `circuit open${why}; a probe follows in ${Math.max(0, this.#openUntilMs - this.#clock.now())} ms`;
    }
    return this.#phase === "half-open" ? `circuit half-open${why}; one event is tried` : undefined;
  }

  succeeded(id: number): void {
    if (this.#probe?.id === id) {
      this.#probe.outcome.resolve();
    } else if (this.#failing.size > 0 && this.#phase === "closed") {
      this.#failing.clear();
      void this.#breaker.execute(nothing);
    }
  }

  /** Resolves when it is decided what the failure means for the circuit. */
  async failed(id: number, error: Error): Promise<void> {
    if (this.#probe?.id === id) {
      const { outcome } = this.#probe;
      this.#lastError = error;
      outcome.reject(error);
      await this.#settled;
    } else if (this.#phase === "closed" && !this.#failing.has(id)) {
      this.#failing.add(id);
      this.#lastError = error;
      await this.#breaker.execute(() => Promise.reject(error)).catch(nothing);
    }
  }

  /** This event's outcome decides whether the circuit closes; it takes the place of a probe that had none. */
  beginProbe(id: number): void {
    if (this.#probe !== undefined) {
      this.#probe = { ...this.#probe, id };
      return;
    }
    const outcome = Promise.withResolvers<void>();
    this.#probe = { id, outcome };
    this.#settled = this.#breaker.execute(() => outcome.promise).catch(nothing);
  }

  stop(): void {
    this.#cancelTimer();
  }

  #enter(state: CircuitState): void {
    if (state === CircuitState.Open) {
      this.#phase = "open";
      this.#probe = undefined;
      this.#failing.clear();
      const { halfOpenAfterMs } = this.#policy;
      this.#openUntilMs = this.#clock.now() + halfOpenAfterMs;
      this.#cancelTimer = this.#clock.schedule(halfOpenAfterMs, () => {
        this.#phase = "half-open";
        this.#listener.halfOpened();
      });
      this.#listener.opened(this.#lastError ?? new Error("unknown"));
    } else if (state === CircuitState.Closed) {
      this.#phase = "closed";
      this.#probe = undefined;
      this.#lastError = undefined;
      this.#listener.closed();
    }
  }
}
