// Which signals are exported and how, by the standard variables.
// @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/

export const signals = ["traces", "metrics", "logs"] as const;
export type Signal = (typeof signals)[number];

export type Protocol = "http/json" | "http/protobuf";

/** The protocol of a signal that is exported; undefined for one that is not. */
export function protocolOf(signal: Signal, env: NodeJS.ProcessEnv): Protocol | undefined {
  const name = signal.toUpperCase();
  const endpoint = env[`OTEL_EXPORTER_OTLP_${name}_ENDPOINT`] ?? env["OTEL_EXPORTER_OTLP_ENDPOINT"];
  if (!endpoint || env["OTEL_SDK_DISABLED"] === "true" || env[`OTEL_${name}_EXPORTER`] === "none") {
    return undefined;
  }
  const protocol = env[`OTEL_EXPORTER_OTLP_${name}_PROTOCOL`] ?? env["OTEL_EXPORTER_OTLP_PROTOCOL"];
  return protocol === "http/json" ? "http/json" : "http/protobuf";
}

/** A number from the environment; what is no number above 0 counts as not set. */
export function numberOf(env: NodeJS.ProcessEnv, name: string, standard: number): number {
  const value = Number(env[name]);
  return value > 0 ? value : standard;
}
