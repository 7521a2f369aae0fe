// How long publishing and handling take, and how much of it there is, by the semantic conventions of messaging. Free without
// an SDK; with one, the attributes of each kind of event are made once.

import { type Attributes, type Counter, type Histogram, metrics } from "@opentelemetry/api";
import type { TransportPeer } from "../transport.ts";
import { durationBuckets, metricNames, attributeNames as names } from "./telemetry-names.ts";

const msPerSecond = 1_000;
/** A service knows few kinds of events; what others invent is not remembered without end. */
const maxTypes = 1_000;

class OperationMetrics {
  readonly #duration: Histogram;
  readonly #messages: Counter;
  readonly #common: Attributes;
  readonly #byType = new Map<string, Attributes>();

  protected constructor(duration: Histogram, messages: Counter, common: Attributes) {
    this.#duration = duration;
    this.#messages = messages;
    this.#common = common;
  }

  protected record(type: string, durationMs: number, errorType: string | undefined): void {
    const known = this.#attributesOf(type);
    const attributes = errorType === undefined ? known : { ...known, [names.errorType]: errorType };
    this.#duration.record(durationMs / msPerSecond, attributes);
    this.#messages.add(1, attributes);
  }

  #attributesOf(type: string): Attributes {
    let attributes = this.#byType.get(type);
    if (attributes === undefined) {
      attributes = { ...this.#common, [names.destinationTemplate]: type };
      if (this.#byType.size < maxTypes) {
        this.#byType.set(type, attributes);
      }
    }
    return attributes;
  }
}

function attributesFor({ system }: TransportPeer, operation: string): Attributes {
  return { [names.system]: system, [names.operationName]: operation };
}

function createDuration(name: string, description: string): Histogram {
  const advice = { explicitBucketBoundaries: durationBuckets };
  return metrics.getMeter("@throughline/core").createHistogram(name, { description, unit: "s", advice });
}

function createCounter(name: string, description: string): Counter {
  return metrics.getMeter("@throughline/core").createCounter(name, { description, unit: "{message}" });
}

/** Of the events that a service publishes. */
export class SendMetrics extends OperationMetrics {
  constructor(peer: TransportPeer) {
    super(
      createDuration(metricNames.sendDuration, "Time until the stream, or the outbox, has the event"),
      createCounter(metricNames.sent, "Events that were published"),
      { ...attributesFor(peer, "send"), [names.operationType]: "send" },
    );
  }

  sent(type: string, durationMs: number, errorType?: string): void {
    this.record(type, durationMs, errorType);
  }
}

/** Of the attempts of one subscription. */
export class ProcessMetrics extends OperationMetrics {
  constructor(peer: TransportPeer, durable: string) {
    super(
      createDuration(metricNames.processDuration, "Time that a handler takes, one attempt each"),
      createCounter(metricNames.consumed, "Events that handlers were called with, one attempt each"),
      { ...attributesFor(peer, "process"), [names.consumerGroup]: durable },
    );
  }

  processed(type: string, durationMs: number, errorType?: string): void {
    this.record(type, durationMs, errorType);
  }
}
