// Public surface of @throughline/testing.

export type { Capability, ConformanceCase, ConformanceSubject } from "./conformance/conformance-case.ts";
export { type ConformanceRunner, conformanceCases, testConformance } from "./conformance/transport-conformance.ts";
export { type EventuallyOptions, eventually } from "./eventually.ts";
export { type FaultyProxy, startFaultyProxy } from "./faulty-proxy.ts";
export { type OtlpSink, type ReceivedSpan, startOtlpSink } from "./otlp-sink.ts";
