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
import type { ConsumptionHealth } from "../transport.ts";
import { attributeNames, metricNames } from "./telemetry-names.ts";

const circuitValues: Readonly<Record<CircuitPhase, number>> = { closed: 0, "half-open": 1, open: 2 };

/** The measurements of one subscription, or of one of its partitions. */
export class SubscriptionMetrics {
  readonly #attributes: Attributes;
  readonly #redeliveries: Counter;
  readonly #retries: Counter;
  readonly #deadLetters: Counter;
  readonly #drops: Counter;
  readonly #expected: Counter;
  readonly #postponed: Counter;
  readonly #circuit: Gauge;
  readonly #lag: ObservableGauge;
  readonly #pendingAcks: ObservableGauge;

  constructor(durable: string, partition?: number) {
    const meter = metrics.getMeter("@throughline/core");
    const event = (description: string) => ({ description, unit: "{event}" });
    this.#attributes = {
      [attributeNames.consumerGroup]: durable,
      ...(partition === undefined ? undefined : { [attributeNames.partitionId]: String(partition) }),
    };
    this.#redeliveries = meter.createCounter(metricNames.redeliveries, event("Deliveries that are not the first"));
    this.#retries = meter.createCounter(metricNames.retries, event("Failed attempts that another one follows"));
    this.#deadLetters = meter.createCounter(metricNames.deadLetters, event("Events kept as dead letters"));
    this.#drops = meter.createCounter(metricNames.drops, event("Events dropped because their policy says so"));
    this.#expected = meter.createCounter(metricNames.expected, event("Events done by an expected error"));
    this.#postponed = meter.createCounter(metricNames.postponed, event("Events put off: their version is newer"));
    this.#circuit = meter.createGauge(metricNames.circuitState, {
      description: "Circuit breaker of a subscription: 0 closed, 1 half-open, 2 open",
    });
    this.#lag = meter.createObservableGauge(metricNames.lag, event("Events that wait for their first delivery"));
    this.#pendingAcks = meter.createObservableGauge(
      metricNames.pendingAcks,
      event("Events that were delivered and are not settled"),
    );
  }

  /** Tells what waits whenever somebody collects metrics; returns how to end it. */
  watchBacklog(health: () => ConsumptionHealth): () => void {
    const endLag = this.#watch(this.#lag, () => health().lag);
    const endPendingAcks = this.#watch(this.#pendingAcks, () => health().pendingAcks);
    return () => {
      endLag();
      endPendingAcks();
    };
  }

  #watch(gauge: ObservableGauge, read: () => number | undefined): () => void {
    const observe = (result: ObservableResult) => {
      const value = read();
      if (value !== undefined) {
        result.observe(value, this.#attributes);
      }
    };
    gauge.addCallback(observe);
    return () => gauge.removeCallback(observe);
  }

  redelivered(): void {
    this.#redeliveries.add(1, this.#attributes);
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
