// Public surface of @throughline/contracts.

export { ceHeaders, type ReceivedEvent, readEvent, scheduledBy, writeEventHeaders } from "./cloud-events.ts";
export { type ErrorCode, type ErrorCodeEntry, errorCodes } from "./error-codes.ts";
export {
  type AnyEventContract,
  defineEvent,
  type EventContract,
  type EventContractBuilder,
  type EventData,
  type EventDefinition,
  type EventInput,
  type EventVersion,
} from "./event-contract.ts";
export type { EventEnvelope } from "./event-envelope.ts";
export { createEventId, deriveEventId, timeOfEventId } from "./event-id.ts";
export {
  decodeKey,
  encodeKey,
  isKebabCase,
  maxKeyLength,
  parseEventType,
  parseSubject,
  streamOfContext,
  subjectOfEvent,
  subjectOfSchedule,
} from "./event-subject.ts";
export { HeaderList } from "./header-list.ts";
export { maxBodyBytes, maxBodyDepth, parseJsonBody } from "./json-body.ts";
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
} from "./procedure-contract.ts";
export { type FieldIssue, listIssues } from "./schema-validation.ts";
export { ThroughlineError, type ThroughlineErrorOptions } from "./throughline-error.ts";
export { formatTraceparent, maxTracestateLength, parseTraceparent, type TraceParent } from "./trace-context.ts";
export type { StoredAt, StoredWireMessage, WireHeaders, WireMessage } from "./wire-message.ts";
