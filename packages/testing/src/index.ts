// Public surface of @throughline/testing.

export { type EventuallyOptions, eventually } from "./eventually.ts";
export { type OtlpSink, type ReceivedSpan, startOtlpSink } from "./otlp-sink.ts";
