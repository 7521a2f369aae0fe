// Metrics over OTLP, every minute or as the environment says, and once more at the end.

import { metrics } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader, type PushMetricExporter } from "@opentelemetry/sdk-metrics";
import type { RunningSignal } from "./sdk.ts";
import { numberOf, type Protocol } from "./signal-settings.ts";

const defaults = { intervalMs: 60_000, timeoutMs: 30_000 } as const;

export async function startMetrics(
  resource: Resource,
  protocol: Protocol,
  env: NodeJS.ProcessEnv,
): Promise<RunningSignal> {
  const exportIntervalMillis = numberOf(env, "OTEL_METRIC_EXPORT_INTERVAL", defaults.intervalMs);
  const timeoutMs = numberOf(env, "OTEL_METRIC_EXPORT_TIMEOUT", defaults.timeoutMs);
  const reader = new PeriodicExportingMetricReader({
    exporter: await createExporter(protocol),
    exportIntervalMillis,
    exportTimeoutMillis: Math.min(timeoutMs, exportIntervalMillis),
  });
  const provider = new MeterProvider({ resource, readers: [reader] });
  metrics.setGlobalMeterProvider(provider);
  return { shutdown: () => provider.shutdown() };
}

async function createExporter(protocol: Protocol): Promise<PushMetricExporter> {
  if (protocol === "http/json") {
    const { OTLPMetricExporter } = await import("@opentelemetry/exporter-metrics-otlp-http");
    return new OTLPMetricExporter();
  }
  const { OTLPMetricExporter } = await import("@opentelemetry/exporter-metrics-otlp-proto");
  return new OTLPMetricExporter();
}
