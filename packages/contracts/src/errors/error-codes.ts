// Every error of the toolkit that reaches a user, with what to do about it.
// docs/errors.md is checked against this table, so code and documentation cannot drift apart.

/** What is fixed about an error code: whether trying again can help, and the next step for the reader. */
export interface ErrorCodeEntry {
  readonly retryable: boolean;
  readonly remedy: string;
}

/** Stable codes; the part before the first underscore names where the error arose. */
export type ErrorCode =
  | "CONTRACT_NAME_INVALID"
  | "CONTRACT_VERSION_INVALID"
  | "CONTRACT_KEY_INVALID"
  | "CONTRACT_DATA_INVALID"
  | "CONTRACT_BODY_INVALID"
  | "CONTRACT_ENVELOPE_INVALID"
  | "CONTRACT_TYPE_UNKNOWN"
  | "CONTRACT_VERSION_UNKNOWN"
  | "CONTRACT_LOCK_INVALID"
  | "CONTRACT_MODULE_INVALID"
  | "BUS_SERVICE_INVALID"
  | "BUS_POLICY_INVALID"
  | "BUS_EVENT_UNDECLARED"
  | "BUS_HANDLER_TIMEOUT"
  | "BUS_ATTEMPTS_EXHAUSTED"
  | "BUS_CIRCUIT_OPEN"
  | "BUS_BULKHEAD_FULL"
  | "BUS_CALL_TIMEOUT"
  | "BUS_STOPPED"
  | "BUS_HEADER_RESERVED"
  | "BUS_PUBLISH_INVALID"
  | "BUS_BATCH_INCOMPLETE"
  | "BUS_FEATURE_UNSUPPORTED"
  | "BUS_PROCEDURE_UNDECLARED"
  | "BUS_PROCEDURE_UNAVAILABLE"
  | "BUS_PROCEDURE_FAILED"
  | "BUS_CALL_CANCELLED"
  | "BUS_FILTER_INVALID"
  | "BUS_REDRIVE_UNKNOWN"
  | "STORE_MISSING"
  | "STORE_CONFLICT"
  | "STORE_UNAVAILABLE"
  | "STORE_TRANSACTION_INVALID"
  | "NATS_UNREACHABLE"
  | "NATS_UNAUTHORIZED"
  | "NATS_SERVER_UNSUPPORTED"
  | "NATS_STREAM_DRIFT"
  | "NATS_PUBLISH_REJECTED"
  | "NATS_PUBLISH_UNCONFIRMED"
  | "NATS_PAYLOAD_TOO_LARGE"
  | "NATS_REQUEST_FAILED";

export const errorCodes: Readonly<Record<ErrorCode, ErrorCodeEntry>> = {
  CONTRACT_NAME_INVALID: {
    retryable: false,
    remedy: 'Name an event "<context>.<event>" in lower-case kebab-case, for example "orders.placed".',
  },
  CONTRACT_VERSION_INVALID: {
    retryable: false,
    remedy: "Number versions 1, 2, 3, … without gaps, and give every version after the first an upcaster.",
  },
  CONTRACT_KEY_INVALID: {
    retryable: false,
    remedy: "Let the contract's key function return the id of the aggregate: a string of 1 to 256 characters.",
  },
  CONTRACT_DATA_INVALID: {
    retryable: false,
    remedy: "Compare the data with the contract's schema; the details list each field that does not fit.",
  },
  CONTRACT_BODY_INVALID: {
    retryable: false,
    remedy: "Send the body as one JSON document in UTF-8, within the size and depth limits.",
  },
  CONTRACT_ENVELOPE_INVALID: {
    retryable: false,
    remedy: "Send the CloudEvents attributes as docs/semantics.md lists them; the details name the header at fault.",
  },
  CONTRACT_TYPE_UNKNOWN: {
    retryable: false,
    remedy: "Subscribe to this type, or narrow the subject that carries it to the types that you handle.",
  },
  CONTRACT_VERSION_UNKNOWN: {
    retryable: false,
    remedy: "Deploy the version of this service that knows the newer contract, then redrive the event.",
  },
  CONTRACT_LOCK_INVALID: {
    retryable: false,
    remedy: "Bring back contracts.lock.json from version control, and run `throughline contracts lock`.",
  },
  CONTRACT_MODULE_INVALID: {
    retryable: false,
    remedy:
      "Name a module that exports services (defineService) or contracts (defineEvent), or make throughline.config.ts.",
  },
  BUS_SERVICE_INVALID: {
    retryable: false,
    remedy: "Give services and subscriptions lower-case kebab-case names that are unique within their owner.",
  },
  BUS_POLICY_INVALID: {
    retryable: false,
    remedy: "Correct the part of the policy that the message names; definePolicy() alone gives the standard one.",
  },
  BUS_EVENT_UNDECLARED: {
    retryable: false,
    remedy: "Add the contract to `publishes` in defineService: permissions and topology follow from it.",
  },
  BUS_HANDLER_TIMEOUT: {
    retryable: true,
    remedy: "Pass context.signal to what the handler waits for, or raise `timeoutMs` in its policy.",
  },
  BUS_ATTEMPTS_EXHAUSTED: {
    retryable: false,
    remedy: "Look at what ended the earlier attempts: the service's log or its crash reports around these times.",
  },
  BUS_CIRCUIT_OPEN: {
    retryable: true,
    remedy: "Look at why the dependency failed before; the circuit lets one call through after details.retryAfterMs.",
  },
  BUS_BULKHEAD_FULL: {
    retryable: true,
    remedy: "Make calls faster or fewer, or raise `bulkhead` in the policy if the dependency can take more at a time.",
  },
  BUS_CALL_TIMEOUT: {
    retryable: true,
    remedy: "Look at why the dependency is slow, or raise `timeoutMs` in the policy of this call.",
  },
  BUS_STOPPED: {
    retryable: false,
    remedy: "Publish before the service is stopped: `stop()` waits for handlers that run.",
  },
  BUS_HEADER_RESERVED: {
    retryable: false,
    remedy: "Choose a header name that does not begin with `ce-`, `nats-`, `throughline-` or `trace`.",
  },
  BUS_PUBLISH_INVALID: {
    retryable: false,
    remedy: "Correct the options of publish that the message names; nothing was sent.",
  },
  BUS_BATCH_INCOMPLETE: {
    retryable: true,
    remedy: "Publish the events that details.failed lists again, each under its id; the others are stored.",
  },
  BUS_FEATURE_UNSUPPORTED: {
    retryable: false,
    remedy: "Run a server that has the feature (the details name its first version), or do without it.",
  },
  BUS_PROCEDURE_UNDECLARED: {
    retryable: false,
    remedy: "Add the procedure to `calls` in defineService: permissions and topology follow from it.",
  },
  BUS_PROCEDURE_UNAVAILABLE: {
    retryable: true,
    remedy: "Start the service that serves this procedure, or wait until it can take more.",
  },
  BUS_PROCEDURE_FAILED: {
    retryable: true,
    remedy: "Look at the log of the service that served it, at the trace that the caller's span belongs to.",
  },
  BUS_CALL_CANCELLED: {
    retryable: true,
    remedy: "Nothing is wrong: the caller no longer waits for the answer.",
  },
  BUS_FILTER_INVALID: {
    retryable: false,
    remedy: "Name at least one of service, subscription, type, key, fingerprint, reason, sequences, before, after.",
  },
  BUS_REDRIVE_UNKNOWN: {
    retryable: false,
    remedy: "Take the job's id from the audit; a redrive of the same filter begins a new job.",
  },
  STORE_MISSING: {
    retryable: false,
    remedy: "Run the service with a store: run(service, { transport: nats(), store: postgres() }).",
  },
  STORE_CONFLICT: {
    retryable: true,
    remedy: "Nothing was committed, and it is tried again. Seen often: lock rows in the same order everywhere.",
  },
  STORE_UNAVAILABLE: {
    retryable: true,
    remedy: "Check that Postgres runs at this address (DATABASE_URL) and takes more connections.",
  },
  STORE_TRANSACTION_INVALID: {
    retryable: false,
    remedy: "Pass an open transaction of pg, postgres.js, Kysely, Drizzle or PGlite, of the service's own database.",
  },
  NATS_UNREACHABLE: {
    retryable: true,
    remedy: "Check that nats-server runs at this address (NATS_URL) and that the network lets you through.",
  },
  NATS_UNAUTHORIZED: {
    retryable: false,
    remedy: "Check the credentials of this service and what the account permits them.",
  },
  NATS_SERVER_UNSUPPORTED: {
    retryable: false,
    remedy:
      "Run nats-server 2.9.10 or newer (2.14.3 or newer gets security fixes) with JetStream on: `nats-server -js`.",
  },
  NATS_STREAM_DRIFT: {
    retryable: false,
    remedy: "Bring the stream in line with the declaration, or the declaration in line with the stream.",
  },
  NATS_PUBLISH_REJECTED: {
    retryable: false,
    remedy: "The server refused the message for good; the details hold its error code and text.",
  },
  NATS_PUBLISH_UNCONFIRMED: {
    retryable: true,
    remedy: "Publish again with the same `id` (details.eventId): the stream drops it if the first one was stored.",
  },
  NATS_PAYLOAD_TOO_LARGE: {
    retryable: false,
    remedy: "Store the payload elsewhere and publish a reference to it, or raise max_payload on the server.",
  },
  NATS_REQUEST_FAILED: {
    retryable: true,
    remedy: "The JetStream API did not answer as expected; the details hold the request and the server's answer.",
  },
};
