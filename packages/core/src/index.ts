// Public surface of @throughline/core.

export { type Clock, systemClock } from "./clock.ts";
export { type DeadLetterReason, deadLetterStream } from "./dead-letters/dead-letter.ts";
export { Lanes, type LaneTask } from "./delivery/lanes.ts";
export type { StoredMessage } from "./memory/memory-stream.ts";
export { createMemoryTransport, type MemoryTransport } from "./memory/memory-transport.ts";
export {
  definePolicy,
  PermanentError,
  type Policy,
  type PolicyOptions,
  policies,
  type RetryPolicy,
} from "./policies/policy.ts";
export { type HandlingFacts, handlingHeader } from "./publishing/handling-header.ts";
export type { PublishAllOptions, PublishOptions } from "./publishing/publish-options.ts";
export type { MessageSchedule, Schedule } from "./publishing/schedule.ts";
export { type RunningService, type RunOptions, run, type ServiceHealth, topologyOf } from "./run-service.ts";
export {
  type CancelSchedule,
  defineService,
  type EventToPublish,
  type Handler,
  type HandlerContext,
  type Publish,
  type PublishAll,
  type Service,
  type Subscription,
  type SubscriptionOptions,
} from "./service.ts";
export { createConsoleLogger, type Logger, silentLogger } from "./telemetry/logger.ts";
export { attributeNames, spanEventNames } from "./telemetry/telemetry-names.ts";
export {
  type Consumption,
  type ConsumptionHealth,
  type ConsumptionListener,
  type Delivery,
  type OutgoingMessage,
  type PublishReceipt,
  type StreamTopology,
  type SubscriptionTopology,
  type Topology,
  type Transport,
  type TransportConnection,
  type TransportFeature,
  type TransportHealth,
  type TransportOptions,
  type TransportPeer,
  transportFeatures,
} from "./transport.ts";
