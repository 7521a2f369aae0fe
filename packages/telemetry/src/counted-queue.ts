// Counts the spans that a batch processor drops: it says nothing of them itself, and a trace with holes looks like a fault.
// @see https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/

import { type Counter, metrics, TraceFlags } from "@opentelemetry/api";
import type { SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace-base";

const component = {
  "otel.component.type": "batching_span_processor",
  "otel.component.name": "batching_span_processor/0",
};

export class CountedQueue {
  readonly #size: number;
  readonly #processed: Counter;
  #waiting = 0;

  constructor(size: number) {
    this.#size = size;
    this.#processed = metrics.getMeter("@throughline/telemetry").createCounter("otel.sdk.processor.span.processed", {
      description: "Spans that were handed to the exporter, or dropped where error.type says why",
      unit: "{span}",
    });
  }

  /** Does what the processor does: what ends while the queue is full is gone. */
  countingProcessor(processor: SpanProcessor): SpanProcessor {
    return {
      onStart: (span, context) => processor.onStart(span, context),
      onEnd: (span) => {
        if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0) {
          if (this.#waiting < this.#size) {
            this.#waiting++;
          } else {
            this.#processed.add(1, { ...component, "error.type": "queue_full" });
          }
        }
        processor.onEnd(span);
      },
      forceFlush: () => processor.forceFlush(),
      shutdown: () => processor.shutdown(),
    };
  }

  countingExporter(exporter: SpanExporter): SpanExporter {
    return {
      export: (spans, done) => {
        this.#waiting -= spans.length;
        this.#processed.add(spans.length, component);
        exporter.export(spans, done);
      },
      shutdown: () => exporter.shutdown(),
      forceFlush: async () => await exporter.forceFlush?.(),
    };
  }
}
