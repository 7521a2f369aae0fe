// Pino's lines as OpenTelemetry log records, in batches over OTLP, beside standard output.
// @see https://opentelemetry.io/docs/specs/otel/logs/data-model/

import { type Context, ROOT_CONTEXT, TraceFlags, trace } from "@opentelemetry/api";
import { type AnyValueMap, type Logger, SeverityNumber } from "@opentelemetry/api-logs";
import type { Resource } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider, type LogRecordExporter } from "@opentelemetry/sdk-logs";
import { type LogDestination, standardOutput } from "./log-destination.ts";
import type { RunningSignal } from "./sdk.ts";
import { numberOf, type Protocol } from "./signal-settings.ts";

const batchDefaults = { queue: 8_192, batch: 512, delayMs: 1_000 } as const;

export async function startLogs(
  resource: Resource,
  protocol: Protocol,
  env: NodeJS.ProcessEnv,
): Promise<RunningSignal & { readonly destination: LogDestination }> {
  const maxQueueSize = numberOf(env, "OTEL_BLRP_MAX_QUEUE_SIZE", batchDefaults.queue);
  const processor = new BatchLogRecordProcessor({
    exporter: await createExporter(protocol),
    maxQueueSize,
    maxExportBatchSize: Math.min(maxQueueSize, numberOf(env, "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", batchDefaults.batch)),
    scheduledDelayMillis: numberOf(env, "OTEL_BLRP_SCHEDULE_DELAY", batchDefaults.delayMs),
  });
  const provider = new LoggerProvider({ resource, processors: [processor] });
  const logger = provider.getLogger("pino");
  const destination: LogDestination = {
    write(line) {
      standardOutput.write(line);
      emit(logger, line);
    },
  };
  return { destination, shutdown: () => provider.shutdown() };
}

/** Pino's levels, and those of the toolkit's own logger. */
const severities: Readonly<Record<string, readonly [SeverityNumber, string]>> = {
  10: [SeverityNumber.TRACE, "TRACE"],
  20: [SeverityNumber.DEBUG, "DEBUG"],
  30: [SeverityNumber.INFO, "INFO"],
  40: [SeverityNumber.WARN, "WARN"],
  50: [SeverityNumber.ERROR, "ERROR"],
  60: [SeverityNumber.FATAL, "FATAL"],
};
/** Said by the record itself, or by the resource. */
const notAttributes = new Set(["level", "time", "msg", "pid", "hostname", "err", "trace_id", "span_id", "trace_flags"]);

interface PinoLine {
  readonly level?: number;
  readonly time?: number;
  readonly msg?: string;
  readonly err?: { readonly type?: string; readonly message?: string; readonly stack?: string };
  readonly trace_id?: string;
  readonly span_id?: string;
  readonly trace_flags?: string;
  readonly [field: string]: unknown;
}

/** A line that is no JSON is a record as it stands. */
function emit(logger: Logger, line: string): void {
  let entry: PinoLine;
  try {
    entry = JSON.parse(line) as PinoLine;
  } catch {
    logger.emit({ body: line.trimEnd() });
    return;
  }
  const { level = 30, time, msg, err } = entry;
  const [severityNumber, severityText] = severities[String(level)] ?? [SeverityNumber.UNSPECIFIED, String(level)];
  const fields = Object.entries(entry).filter(([name]) => !notAttributes.has(name));
  const attributes: AnyValueMap = Object.fromEntries(fields.map(([name, value]) => [nameOf(name), toAttribute(value)]));
  if (err !== undefined) {
    attributes["exception.type"] = err.type;
    attributes["exception.message"] = err.message;
    attributes["exception.stacktrace"] = err.stack;
  }
  logger.emit({
    ...(time !== undefined && { timestamp: time }),
    ...{ severityNumber, severityText, attributes },
    body: msg ?? "",
    context: contextOf(entry),
  });
}

/** What the toolkit puts into log lines, by the names that spans have for it. */
const names: Readonly<Record<string, string>> = {
  eventId: "cloudevents.event_id",
  correlationId: "messaging.message.conversation_id",
  durable: "messaging.consumer.group.name",
};

function nameOf(field: string): string {
  return names[field] ?? field;
}

function toAttribute(value: unknown): string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? value
    : JSON.stringify(value);
}

/** The trace of the line: as the mixin wrote it, or as the toolkit's own loggers do. */
function contextOf({ trace_id, span_id, trace_flags, traceId, spanId }: PinoLine): Context {
  const [traceOf, spanOf] = [trace_id ?? traceId, span_id ?? spanId];
  if (typeof traceOf !== "string" || typeof spanOf !== "string") {
    return ROOT_CONTEXT;
  }
  const traceFlags = trace_flags === undefined ? TraceFlags.SAMPLED : Number.parseInt(trace_flags, 16);
  return trace.setSpanContext(ROOT_CONTEXT, { traceId: traceOf, spanId: spanOf, traceFlags });
}

async function createExporter(protocol: Protocol): Promise<LogRecordExporter> {
  if (protocol === "http/json") {
    const { OTLPLogExporter } = await import("@opentelemetry/exporter-logs-otlp-http");
    return new OTLPLogExporter();
  }
  const { OTLPLogExporter } = await import("@opentelemetry/exporter-logs-otlp-proto");
  return new OTLPLogExporter();
}
