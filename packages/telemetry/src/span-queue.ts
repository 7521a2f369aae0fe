// Takes spans as they end and sends them in batches. A span becomes bytes at once: objects that wait for the network are what
// a garbage collector likes least. What does not fit is dropped and counted: a trace with holes looks like a fault.
// @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#batching-processor
// @see https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/

import { type Counter, context, metrics, ROOT_CONTEXT, TraceFlags } from "@opentelemetry/api";
import { globalErrorHandler, suppressTracing } from "@opentelemetry/core";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { SpanBatch, SpanDestination } from "./span-destination.ts";

export interface SpanQueueOptions {
  /** Spans that wait, at most. */
  readonly maxSpans: number;
  /** Spans of one request, at most. */
  readonly batchSize: number;
  /** Time until a batch goes that is not full. */
  readonly delayMs: number;
}

interface Request {
  readonly size: number;
  readonly bytes: Uint8Array;
}

/** At the end nobody waits longer than for one request that is not answered. */
const sendersAtFlush = 16;

const component = {
  "otel.component.type": "batching_span_processor",
  "otel.component.name": "batching_span_processor/0",
};

export class SpanQueue implements SpanProcessor {
  readonly #destination: SpanDestination;
  readonly #options: SpanQueueOptions;
  readonly #processed: Counter;
  readonly #requests: Request[] = [];
  #batch: SpanBatch;
  #waiting = 0;
  #sending: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ending: Promise<void> | undefined;

  constructor(destination: SpanDestination, options: SpanQueueOptions) {
    this.#destination = destination;
    this.#options = options;
    this.#batch = destination.newBatch();
    this.#processed = metrics.getMeter("@throughline/telemetry").createCounter("otel.sdk.processor.span.processed", {
      description: "Spans that were handed to the exporter, or dropped where error.type says why",
      unit: "{span}",
    });
  }

  onStart(): void {
    // Nothing is to be done before it ends.
  }

  onEnd(span: ReadableSpan): void {
    if (this.#ending !== undefined || (span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) {
      return;
    }
    if (this.#waiting >= this.#options.maxSpans) {
      this.#drop(1, "queue_full");
      return;
    }
    try {
      this.#batch.add(span);
    } catch {
      // Whoever ends a span must not fail by it, whatever is in it.
      this.#drop(1, "not_encodable");
      return;
    }
    this.#waiting++;
    if (this.#batch.size >= this.#options.batchSize) {
      this.#sendNow();
    } else {
      this.#sendLater();
    }
  }

  /** Sends what waits, or until something cannot be sent. */
  async forceFlush(): Promise<void> {
    this.#finishBatch();
    await Promise.all([this.#sending, ...Array.from({ length: sendersAtFlush }, () => this.#drain())]);
  }

  shutdown(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    await this.forceFlush();
    this.#drop(this.#waiting, "shutdown");
    this.#requests.length = 0;
    await this.#destination.shutdown();
  }

  #sendNow(): void {
    this.#finishBatch();
    this.#sending ??= this.#drain().finally(() => {
      this.#sending = undefined;
      if (this.#requests.length > 0) {
        this.#sendLater();
      }
    });
  }

  #sendLater(): void {
    this.#timer ??= setTimeout(() => this.#sendNow(), this.#options.delayMs).unref();
  }

  #finishBatch(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#batch.size > 0) {
      this.#requests.push({ size: this.#batch.size, bytes: this.#batch.finish() });
      this.#batch = this.#destination.newBatch();
    }
  }

  /** Sends one request after another, until none is left or one cannot be sent. */
  async #drain(): Promise<void> {
    for (let wasSent = true; wasSent; ) {
      const request = this.#requests.shift();
      wasSent = request !== undefined && (await this.#send(request));
    }
  }

  async #send({ size, bytes }: Request): Promise<boolean> {
    this.#waiting -= size;
    this.#processed.add(size, component);
    try {
      // What the request does must not be traced itself.
      await context.with(suppressTracing(ROOT_CONTEXT), () => this.#destination.send(bytes));
      return true;
    } catch (error) {
      globalErrorHandler(error as Error);
      return false;
    }
  }

  #drop(count: number, reason: string): void {
    if (count > 0) {
      this.#processed.add(count, { ...component, "error.type": reason });
    }
  }
}
