// Public surface of @throughline/core.

export { type Clock, systemClock } from "./clock.ts";
export { type DeadLetterReason, deadLetterStream } from "./dead-letter.ts";
export { type HandlingFacts, handlingHeader } from "./handling-header.ts";
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
export { type RunningService, type RunOptions, run, type ServiceHealth, topologyOf } from "./run-service.ts";
export {
  defineService,
  type Handler,
  type HandlerContext,
  type Publish,
  type Service,
  type Subscription,
  type SubscriptionOptions,
} from "./service.ts";
export { attributeNames, spanEventNames } from "./telemetry-names.ts";
export type {
  Consumption,
  ConsumptionHealth,
  Delivery,
  OutgoingMessage,
  PublishReceipt,
  StreamTopology,
  SubscriptionTopology,
  Topology,
  Transport,
  TransportConnection,
  TransportHealth,
  TransportOptions,
  TransportPeer,
} from "./transport.ts";
