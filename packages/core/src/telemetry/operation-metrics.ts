// How long publishing and handling take, and how much of it there is, by the semantic conventions of messaging. Free without
// an SDK. With one, events are counted here and read when somebody collects: an SDK looks up a counter's attributes each time,
// which takes longer than everything else that is measured of an event but its duration.

import { type Attributes, type Histogram, type Meter, metrics } from "@opentelemetry/api";
import type { TransportPeer } from "../transport.ts";
import { durationBuckets, metricNames, attributeNames as names } from "./telemetry-names.ts";

const msPerSecond = 1_000;
/** A service knows few kinds of events and errors; what others invent is counted together, as SDKs do it. */
const maxTallies = 1_000;
const overflow: Attributes = { "otel.metric.overflow": true };

interface Tally {
  readonly attributes: Attributes;
  count: number;
}

interface Operation {
  readonly duration: string;
  readonly durationDescription: string;
  readonly messages: string;
  readonly messagesDescription: string;
}

/** Of one operation in this process: whoever does it with the same attributes counts together. */
class OperationInstruments {
  readonly duration: Histogram;
  readonly #tallies = new Map<string, Tally>();

  constructor(meter: Meter, { duration, durationDescription, messages, messagesDescription }: Operation) {
    const advice = { explicitBucketBoundaries: durationBuckets };
    this.duration = meter.createHistogram(duration, { description: durationDescription, unit: "s", advice });
    const counter = meter.createObservableCounter(messages, { description: messagesDescription, unit: "{message}" });
    counter.addCallback((result) => {
      for (const { count, attributes } of this.#tallies.values()) {
        result.observe(count, attributes);
      }
    });
  }

  /** The names of attributes come in the same order each time. */
  tallyOf(attributes: Attributes): Tally {
    const known = this.#tallies.get(JSON.stringify(attributes));
    return known ?? this.#add(this.#tallies.size < maxTallies ? attributes : overflow);
  }

  #add(attributes: Attributes): Tally {
    const key = JSON.stringify(attributes);
    const tally = this.#tallies.get(key) ?? { attributes, count: 0 };
    this.#tallies.set(key, tally);
    return tally;
  }
}

const known = new WeakMap<Meter, Map<string, OperationInstruments>>();

/** An SDK that is started again has a meter of its own. */
function instrumentsOf(operation: Operation): OperationInstruments {
  const meter = metrics.getMeter("@throughline/core");
  const ofMeter = known.get(meter) ?? new Map<string, OperationInstruments>();
  known.set(meter, ofMeter);
  const instruments = ofMeter.get(operation.messages) ?? new OperationInstruments(meter, operation);
  ofMeter.set(operation.messages, instruments);
  return instruments;
}

class OperationMetrics {
  readonly #instruments: OperationInstruments;
  readonly #common: Attributes;
  readonly #byType = new Map<string, Tally>();

  protected constructor(operation: Operation, common: Attributes) {
    this.#instruments = instrumentsOf(operation);
    this.#common = common;
  }

  /** Gives the attributes that it was counted with. */
  protected count(type: string, errorType: string | undefined): Attributes {
    const tally = errorType === undefined ? this.#tallyOf(type) : this.#tallyOfFailure(type, errorType);
    tally.count++;
    return tally.attributes;
  }

  protected record(durationMs: number, attributes: Attributes): void {
    this.#instruments.duration.record(durationMs / msPerSecond, attributes);
  }

  #tallyOf(type: string): Tally {
    let tally = this.#byType.get(type);
    if (tally === undefined) {
      tally = this.#instruments.tallyOf({ ...this.#common, [names.destinationTemplate]: type });
      if (this.#byType.size < maxTallies) {
        this.#byType.set(type, tally);
      }
    }
    return tally;
  }

  #tallyOfFailure(type: string, errorType: string): Tally {
    const attributes = { ...this.#common, [names.destinationTemplate]: type, [names.errorType]: errorType };
    return this.#instruments.tallyOf(attributes);
  }
}

function attributesFor({ system }: TransportPeer, operation: string): Attributes {
  return { [names.system]: system, [names.operationName]: operation };
}

const sending: Operation = {
  duration: metricNames.sendDuration,
  durationDescription: "Time until the stream, or the outbox, has the event",
  messages: metricNames.sent,
  messagesDescription: "Events that were published",
};
const processing: Operation = {
  duration: metricNames.processDuration,
  durationDescription: "Time that a handler takes, one attempt each",
  messages: metricNames.consumed,
  messagesDescription: "Events that handlers were called with, one attempt each",
};

/** Of the events that a service publishes. */
export class SendMetrics extends OperationMetrics {
  constructor(peer: TransportPeer) {
    super(sending, { ...attributesFor(peer, "send"), [names.operationType]: "send" });
  }

  sent(type: string, durationMs: number, errorType?: string): void {
    this.record(durationMs, this.count(type, errorType));
  }

  /** An atomic batch: several events, one operation. */
  sentTogether(types: readonly string[], durationMs: number, errorType?: string): void {
    const [first] = types.map((type) => this.count(type, errorType));
    if (first !== undefined) {
      this.record(durationMs, first);
    }
  }
}

/** Of the attempts of one subscription. */
export class ProcessMetrics extends OperationMetrics {
  constructor(peer: TransportPeer, durable: string) {
    super(processing, { ...attributesFor(peer, "process"), [names.consumerGroup]: durable });
  }

  processed(type: string, durationMs: number, errorType?: string): void {
    this.record(durationMs, this.count(type, errorType));
  }
}
