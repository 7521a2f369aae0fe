// Public surface of @throughline/core.

export { type Clock, systemClock } from "./clock.ts";
export { type DeadLetterReason, deadLetterStream } from "./dead-letter.ts";
export { type HandlingFacts, handlingHeader } from "./handling-header.ts";
export { Lanes, type LaneTask } from "./lanes.ts";
export { createConsoleLogger, type Logger, silentLogger } from "./logger.ts";
export type { StoredMessage } from "./memory-stream.ts";
export { createMemoryTransport, type MemoryTransport } from "./memory-transport.ts";
export {
  definePolicy,
  PermanentError,
  type Policy,
  type PolicyOptions,
  policies,
  type RetryPolicy,
} from "./policy.ts";
export type { PublishAllOptions, PublishOptions } from "./publish-options.ts";
export { type RunningService, type RunOptions, run, type ServiceHealth, topologyOf } from "./run-service.ts";
export type { MessageSchedule, Schedule } from "./schedule.ts";
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
export { attributeNames, spanEventNames } from "./telemetry-names.ts";
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
