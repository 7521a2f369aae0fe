// Public surface of @throughline/contracts.

export {
  type AnyEventContract,
  type CompatibilityMode,
  defineEvent,
  type EventContract,
  type EventContractBuilder,
  type EventData,
  type EventDefinition,
  type EventInput,
  type EventOptions,
  type VersionDescription,
  type VersionOptions,
} from "./declaration/event-contract.ts";
export type { EventVersion } from "./declaration/event-version.ts";
export {
  type AnyProcedureContract,
  defineProcedure,
  failWith,
  isFailureOf,
  type ProcedureContract,
  ProcedureError,
  type ProcedureFailure,
  type ProcedureOptions,
  type ProcedureReply,
  type ProcedureReplyData,
  type ProcedureRequest,
  type ProcedureRequestData,
} from "./declaration/procedure-contract.ts";
export { type FieldIssue, listIssues } from "./declaration/schema-validation.ts";
export { type ErrorCode, type ErrorCodeEntry, errorCodes } from "./errors/error-codes.ts";
export { ThroughlineError, type ThroughlineErrorOptions } from "./errors/throughline-error.ts";
export { type CarriedTrace, readCarriedTrace } from "./wire/carried-trace.ts";
export { ceHeaders, type ReceivedEvent, readEvent, scheduledBy, writeEventHeaders } from "./wire/cloud-events.ts";
export type { EventEnvelope } from "./wire/event-envelope.ts";
export { createEventId, deriveEventId, timeOfEventId } from "./wire/event-id.ts";
export {
  contextOfStream,
  decodeKey,
  encodeKey,
  isKebabCase,
  maxKeyLength,
  parseEventType,
  parseSubject,
  streamOfContext,
  subjectOfEvent,
  subjectOfSchedule,
} from "./wire/event-subject.ts";
export { HeaderList } from "./wire/header-list.ts";
export { maxBodyBytes, maxBodyDepth, parseJsonBody } from "./wire/json-body.ts";
export {
  createTraceIds,
  formatTraceparent,
  maxTracestateLength,
  parseTraceparent,
  type TraceParent,
} from "./wire/trace-context.ts";
export type { StoredAt, StoredWireMessage, WireHeaders, WireMessage } from "./wire/wire-message.ts";
