// Public surface of @throughline/testing.

export type { Capability, ConformanceCase, ConformanceSubject } from "./conformance/conformance-case.ts";
export { type ConformanceRunner, conformanceCases, testConformance } from "./conformance/transport-conformance.ts";
export { type EventuallyOptions, eventually } from "./eventually.ts";
export { type FaultyProxy, startFaultyProxy } from "./faulty-proxy.ts";
export { defineItem, type Item, type ItemContract } from "./item-contract.ts";
export { findOrderViolations } from "./order-violations.ts";
export { type OtlpSink, type ReceivedLog, type ReceivedMetric, type ReceivedSpan, startOtlpSink } from "./otlp-sink.ts";
export { SeededRandom } from "./simulation/seeded-random.ts";
export { type SimulationOptions, type SimulationResult, simulateDelivery } from "./simulation/simulate-delivery.ts";
export type { PlantedBug } from "./simulation/simulated-transport.ts";
export { VirtualClock } from "./simulation/virtual-clock.ts";
export { fuzzWire, type WireFuzzOptions, type WireFuzzResult } from "./wire-fuzz/fuzz-wire.ts";
