// Public surface of @throughline/core.

export { type Clock, systemClock } from "./clock.ts";
export { type AuditRecord, auditStream } from "./dead-letters/audit.ts";
export { type DeadLetterReason, deadLetterStream } from "./dead-letters/dead-letter.ts";
export {
  type DeadLetterGroup,
  type DeadLetters,
  type DeadLettersOptions,
  type DiscardReport,
  openDeadLetters,
} from "./dead-letters/dead-letters.ts";
export type { DeadLetter } from "./dead-letters/letter.ts";
export type { DeadLetterFilter } from "./dead-letters/letter-filter.ts";
export type { RedriveOptions, RedriveProgress, RedriveReport } from "./dead-letters/redrive.ts";
export { redriveStream } from "./dead-letters/redrive-message.ts";
export { attemptStream, subjectOfAttempts } from "./delivery/attempt-stream.ts";
export { Lanes, type LaneTask } from "./delivery/lanes.ts";
export {
  checkStoredEvents,
  type StoredEventsCheck,
  type StoredEventsOptions,
  type UnreadableEvent,
} from "./inspection/stored-events.ts";
export type { StoredMessage } from "./memory/memory-stream.ts";
export { createMemoryTransport, type MemoryTransport } from "./memory/memory-transport.ts";
export { leaseStream } from "./partitions/lease-stream.ts";
export { partitionOfKey } from "./partitions/partition-of-key.ts";
export { classifyError, ExpectedError, type FailureKind, PermanentError } from "./policies/failure-kind.ts";
export type { OutgoingCall, OutgoingCallOptions } from "./policies/outgoing-call.ts";
export {
  type BreakerPolicy,
  type BulkheadPolicy,
  definePolicy,
  type Policy,
  type PolicyOptions,
  type PolicyParts,
  policies,
  type RetryPolicy,
} from "./policies/policy.ts";
export type { Call, CallOptions } from "./procedures/procedure-client.ts";
export { type HandlingFacts, handlingHeader } from "./publishing/handling-header.ts";
export { journeyStream } from "./publishing/journey-links.ts";
export type { EarlierEvent, PublishAllOptions, PublishOptions } from "./publishing/publish-options.ts";
export type { MessageSchedule, Schedule } from "./publishing/schedule.ts";
export { type RunningService, type RunOptions, run, type ServiceHealth, topologyOf } from "./run-service.ts";
export {
  type CancelSchedule,
  defineService,
  type EventToPublish,
  type Fence,
  type Handler,
  type HandlerContext,
  type ProcedureContext,
  type ProcedureHandler,
  type Publish,
  type PublishAll,
  type ServedProcedure,
  type ServeOptions,
  type Service,
  type Subscription,
  type SubscriptionOptions,
} from "./service.ts";
export type {
  EventToHandle,
  SqlTransaction,
  Store,
  StoreConnection,
  StoreOptions,
  UnitOfWork,
} from "./store.ts";
export { createConsoleLogger, type Logger, silentLogger } from "./telemetry/logger.ts";
export { attributeNames, metricNames, spanEventNames } from "./telemetry/telemetry-names.ts";
export {
  type AttemptRecord,
  type AttemptRecords,
  type Consumption,
  type ConsumptionHealth,
  type ConsumptionListener,
  type Delivery,
  type IncomingRequest,
  type LeaseRecord,
  type Leases,
  type OutgoingMessage,
  type PublishReceipt,
  type ServedEndpoint,
  type StoredMessages,
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
