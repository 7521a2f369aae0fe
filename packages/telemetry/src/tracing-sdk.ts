// Spans in batches over OTLP; what the queue cannot hold is counted.

import { trace } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import { BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import type { RunningSignal } from "./sdk.ts";
import { numberOf, type Protocol } from "./signal-settings.ts";
import { openSpanDestination } from "./span-destination.ts";
import { SpanQueue } from "./span-queue.ts";

/** The SDK's default queue of 2,048 drops spans in a burst; at about 1 KiB a span this one holds 16 MiB at most. */
const batchDefaults = { queue: 16_384, batch: 1_024, delayMs: 1_000 } as const;

export function startTracing(resource: Resource, protocol: Protocol, env: NodeJS.ProcessEnv): RunningSignal {
  const maxSpans = numberOf(env, "OTEL_BSP_MAX_QUEUE_SIZE", batchDefaults.queue);
  const queue = new SpanQueue(openSpanDestination(protocol), {
    maxSpans,
    batchSize: Math.min(maxSpans, numberOf(env, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", batchDefaults.batch)),
    delayMs: numberOf(env, "OTEL_BSP_SCHEDULE_DELAY", batchDefaults.delayMs),
  });
  const provider = new BasicTracerProvider({ resource, spanProcessors: [queue] });
  trace.setGlobalTracerProvider(provider);
  return { shutdown: () => provider.shutdown() };
}
