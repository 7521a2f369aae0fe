// Starts tracing for one process: spans in batches over OTLP, configured by the standard OTEL_* variables.
// The SDK is loaded only where there is somewhere to send to, so a process without an endpoint starts as fast as before.

export interface TelemetryOptions {
  /** `service.name`; `OTEL_SERVICE_NAME` wins over it. */
  readonly service: string;
  readonly env?: NodeJS.ProcessEnv;
}

export interface Telemetry extends AsyncDisposable {
  /** Whether spans are exported. */
  readonly enabled: boolean;
  /** Sends what is buffered; waits at most as long as the exporter's time-out. */
  shutdown(): Promise<void>;
}

const disabled: Telemetry = {
  enabled: false,
  shutdown: async () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
};

/**
 * Call it before anything else, and `shutdown` it last. Exports when `OTEL_EXPORTER_OTLP_ENDPOINT` or
 * `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set, as protobuf over HTTP, or as JSON with
 * `OTEL_EXPORTER_OTLP_PROTOCOL=http/json`. `OTEL_SDK_DISABLED=true` and `OTEL_TRACES_EXPORTER=none` turn it off.
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 */
export async function startTelemetry({ service, env = process.env }: TelemetryOptions): Promise<Telemetry> {
  const endpoint = env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] ?? env["OTEL_EXPORTER_OTLP_ENDPOINT"];
  if (!endpoint || env["OTEL_SDK_DISABLED"] === "true" || env["OTEL_TRACES_EXPORTER"] === "none") {
    return disabled;
  }
  const protocol = env["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] ?? env["OTEL_EXPORTER_OTLP_PROTOCOL"];
  const { startTracing } = await import("./tracing-sdk.ts");
  return startTracing(env["OTEL_SERVICE_NAME"] ?? service, protocol, env);
}
