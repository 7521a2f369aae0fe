// What the engine counts, through the OpenTelemetry API: free without an SDK.

import {
  type Attributes,
  type Counter,
  type Gauge,
  metrics,
  type ObservableGauge,
  type ObservableResult,
} from "@opentelemetry/api";
import type { CircuitPhase } from "../delivery/circuit.ts";
import { attributeNames, metricNames } from "./telemetry-names.ts";

const circuitValues: Readonly<Record<CircuitPhase, number>> = { closed: 0, "half-open": 1, open: 2 };

/** The measurements of one subscription. */
export class SubscriptionMetrics {
  readonly #attributes: Attributes;
  readonly #retries: Counter;
  readonly #deadLetters: Counter;
  readonly #drops: Counter;
  readonly #expected: Counter;
  readonly #postponed: Counter;
  readonly #circuit: Gauge;
  readonly #lag: ObservableGauge;

  constructor(durable: string) {
    const meter = metrics.getMeter("@throughline/core");
    const event = (description: string) => ({ description, unit: "{event}" });
    this.#attributes = { [attributeNames.consumerGroup]: durable };
    this.#retries = meter.createCounter(metricNames.retries, event("Failed attempts that another one follows"));
    this.#deadLetters = meter.createCounter(metricNames.deadLetters, event("Events kept as dead letters"));
    this.#drops = meter.createCounter(metricNames.drops, event("Events dropped because their policy says so"));
    this.#expected = meter.createCounter(metricNames.expected, event("Events done by an expected error"));
    this.#postponed = meter.createCounter(metricNames.postponed, event("Events put off: their version is newer"));
    this.#circuit = meter.createGauge(metricNames.circuitState, {
      description: "Circuit breaker of a subscription: 0 closed, 1 half-open, 2 open",
    });
    this.#lag = meter.createObservableGauge(metricNames.lag, event("Events that wait for their first delivery"));
  }

  /** Tells the lag whenever somebody collects metrics; returns how to end it. */
  watchLag(lag: () => number | undefined): () => void {
    const observe = (result: ObservableResult) => {
      const value = lag();
      if (value !== undefined) {
        result.observe(value, this.#attributes);
      }
    };
    this.#lag.addCallback(observe);
    return () => this.#lag.removeCallback(observe);
  }

  retried(errorType: string): void {
    this.#retries.add(1, { ...this.#attributes, [attributeNames.errorType]: errorType });
  }

  deadLettered(reason: string): void {
    this.#deadLetters.add(1, { ...this.#attributes, [attributeNames.deadLetterReason]: reason });
  }

  dropped(errorType: string): void {
    this.#drops.add(1, { ...this.#attributes, [attributeNames.errorType]: errorType });
  }

  endedAsExpected(errorType: string): void {
    this.#expected.add(1, { ...this.#attributes, [attributeNames.errorType]: errorType });
  }

  postponed(): void {
    this.#postponed.add(1, this.#attributes);
  }

  circuitEntered(phase: CircuitPhase): void {
    this.#circuit.record(circuitValues[phase], this.#attributes);
  }
}
