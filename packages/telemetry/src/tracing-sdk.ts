// The OpenTelemetry SDK behind startTelemetry; loaded on demand.

import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace-base";
import type { Telemetry } from "./start-telemetry.ts";

/** The SDK's default queue of 2,048 drops spans in a burst; at about 1 KiB a span this one holds 16 MiB at most. */
const batchDefaults = {
  OTEL_BSP_MAX_QUEUE_SIZE: 16_384,
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: 1_024,
  OTEL_BSP_SCHEDULE_DELAY: 1_000,
} as const;

export async function startTracing(
  service: string,
  protocol: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<Telemetry> {
  const setting = (name: keyof typeof batchDefaults) => Number(env[name]) || batchDefaults[name];
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(detectResources({ detectors: [envDetector] }))
      .merge(resourceFromAttributes({ "service.name": service })),
    spanProcessors: [
      new BatchSpanProcessor(await createExporter(protocol), {
        maxQueueSize: setting("OTEL_BSP_MAX_QUEUE_SIZE"),
        maxExportBatchSize: setting("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"),
        scheduledDelayMillis: setting("OTEL_BSP_SCHEDULE_DELAY"),
      }),
    ],
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const shutdown = () => provider.shutdown();
  return { enabled: true, shutdown, [Symbol.asyncDispose]: shutdown };
}

async function createExporter(protocol: string | undefined): Promise<SpanExporter> {
  if (protocol === "http/json") {
    const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-http");
    return new OTLPTraceExporter();
  }
  const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-proto");
  return new OTLPTraceExporter();
}
