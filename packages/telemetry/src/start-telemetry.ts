// Starts telemetry for one process: traces, metrics and logs over OTLP, configured by the standard OTEL_* variables.
// The SDK is loaded only where there is somewhere to send to, so a process without an endpoint starts as fast as before.

import { type LogDestination, standardOutput } from "./log-destination.ts";
import { protocolOf, signals } from "./signal-settings.ts";

export interface TelemetryOptions {
  /** `service.name`; `OTEL_SERVICE_NAME` wins over it. */
  readonly service: string;
  readonly env?: NodeJS.ProcessEnv;
}

export interface Telemetry extends AsyncDisposable {
  /** Whether anything is exported. */
  readonly enabled: boolean;
  /**
   * Where Pino writes to: `pino({ mixin: traceFields }, telemetry.logs)`. Lines go to standard output and, where logs are
   * exported, to the collector as well, with the ids of the trace that was under way.
   */
  readonly logs: LogDestination;
  /** Sends what is buffered; waits at most as long as the exporters' time-outs. */
  shutdown(): Promise<void>;
}

const disabled: Telemetry = {
  enabled: false,
  logs: standardOutput,
  shutdown: async () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
};

/**
 * Call it before anything else, and `shutdown` it last. Each of traces, metrics and logs is exported when
 * `OTEL_EXPORTER_OTLP_ENDPOINT` or its own `OTEL_EXPORTER_OTLP_<SIGNAL>_ENDPOINT` is set, as protobuf over HTTP, or as JSON
 * with `OTEL_EXPORTER_OTLP_PROTOCOL=http/json`. `OTEL_<SIGNAL>_EXPORTER=none` turns off one, `OTEL_SDK_DISABLED=true` all.
 * `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` choose the sampler, `OTEL_BSP_*`, `OTEL_BLRP_*` and
 * `OTEL_METRIC_EXPORT_INTERVAL` the sizes and times of the batches.
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 */
export async function startTelemetry({ service, env = process.env }: TelemetryOptions): Promise<Telemetry> {
  if (signals.every((signal) => protocolOf(signal, env) === undefined)) {
    return disabled;
  }
  const { startSdk } = await import("./sdk.ts");
  return await startSdk(env["OTEL_SERVICE_NAME"] ?? service, env);
}
