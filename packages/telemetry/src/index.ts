// Public surface of @throughline/telemetry.

export { type LogDestination, traceFields } from "./log-destination.ts";
export { startTelemetry, type Telemetry, type TelemetryOptions } from "./start-telemetry.ts";
