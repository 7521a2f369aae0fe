// Spans in batches over OTLP; what the queue cannot hold is counted.

import { trace } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace-base";
import { CountedQueue } from "./counted-queue.ts";
import type { RunningSignal } from "./sdk.ts";
import { numberOf, type Protocol } from "./signal-settings.ts";

/** The SDK's default queue of 2,048 drops spans in a burst; at about 1 KiB a span this one holds 16 MiB at most. */
const batchDefaults = { queue: 16_384, batch: 1_024, delayMs: 1_000 } as const;

export async function startTracing(
  resource: Resource,
  protocol: Protocol,
  env: NodeJS.ProcessEnv,
): Promise<RunningSignal> {
  const maxQueueSize = numberOf(env, "OTEL_BSP_MAX_QUEUE_SIZE", batchDefaults.queue);
  const queue = new CountedQueue(maxQueueSize);
  const processor = new BatchSpanProcessor(queue.countingExporter(await createExporter(protocol)), {
    maxQueueSize,
    maxExportBatchSize: Math.min(maxQueueSize, numberOf(env, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", batchDefaults.batch)),
    scheduledDelayMillis: numberOf(env, "OTEL_BSP_SCHEDULE_DELAY", batchDefaults.delayMs),
  });
  const provider = new BasicTracerProvider({ resource, spanProcessors: [queue.countingProcessor(processor)] });
  trace.setGlobalTracerProvider(provider);
  return { shutdown: () => provider.shutdown() };
}

async function createExporter(protocol: Protocol): Promise<SpanExporter> {
  if (protocol === "http/json") {
    const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-http");
    return new OTLPTraceExporter();
  }
  const { createProtobufExporter } = await import("./protobuf-exporter.ts");
  return createProtobufExporter();
}
