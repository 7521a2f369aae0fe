// One delivery on its way through the handler: read it, call the handler, tell how it went.

import type { Span } from "@opentelemetry/api";
import {
  type AnyEventContract,
  type EventEnvelope,
  type ReceivedEvent,
  readEvent,
  type StoredAt,
  ThroughlineError,
  type WireHeaders,
  type WireMessage,
} from "@throughline/contracts";
import type { Clock } from "../clock.ts";
import { handlingScope } from "../policies/handling-scope.ts";
import type { ProcedureClient } from "../procedures/procedure-client.ts";
import type { PublishEntry } from "../publishing/event-batch.ts";
import type { EventPublisher, PublishingCause } from "../publishing/event-publisher.ts";
import type { Fence, HandlerContext, Subscription } from "../service.ts";
import type { SqlTransaction, StoreConnection, UnitOfWork } from "../store.ts";
import type { Logger } from "../telemetry/logger.ts";
import { contextOfSpan, runInContext } from "../telemetry/tracing.ts";
import type { Delivery } from "../transport.ts";
import type { Handling } from "./handling.ts";

/** What could be read out of a delivery. */
export interface ReadableEvent {
  readonly envelope: EventEnvelope;
  readonly data: unknown;
}

/** Reads and validates; a promise only where a schema validates asynchronously. @throws CONTRACT_… */
export function readDelivery(delivery: Delivery, subscription: Subscription): ReadableEvent | Promise<ReadableEvent> {
  requireReadableHeaders(delivery.malformedHeaders);
  const received = readEvent(delivery.message, delivery.storedAt);
  const contract = subscription.contracts.get(received.envelope.type);
  if (contract === undefined) {
    throw new ThroughlineError(
      "CONTRACT_TYPE_UNKNOWN",
      `No handler of ${subscription.durable} knows ${received.envelope.type}.`,
      {
        details: { type: received.envelope.type },
      },
    );
  }
  return readAs(contract, received);
}

/** @throws CONTRACT_ENVELOPE_INVALID */
export function requireReadableHeaders(problem: string | undefined): void {
  if (problem !== undefined) {
    throw new ThroughlineError("CONTRACT_ENVELOPE_INVALID", `The headers are malformed: ${problem}.`, {
      details: { header: problem },
    });
  }
}

/** As a handler of this contract would get it. @throws CONTRACT_… */
export function readMessage(
  message: WireMessage,
  storedAt: StoredAt,
  contract: AnyEventContract,
): ReadableEvent | Promise<ReadableEvent> {
  return readAs(contract, readEvent(message, storedAt));
}

function readAs(contract: AnyEventContract, received: ReceivedEvent): ReadableEvent | Promise<ReadableEvent> {
  return received.envelope.version === undefined
    ? readUnversioned(contract, received)
    : readVersion(contract, received, received.envelope.version);
}

function readVersion(contract: AnyEventContract, { envelope, data }: ReceivedEvent, version: number) {
  const parsed = contract.parseVersion(version, data);
  const event = envelope as EventEnvelope;
  const withData = (value: unknown): ReadableEvent => ({
    envelope: event.version === version ? event : { ...event, version },
    data: value,
  });
  return parsed instanceof Promise ? parsed.then(withData) : withData(parsed);
}

/** A sender that names no version gets the newest one that its data fits. */
async function readUnversioned(contract: AnyEventContract, received: ReceivedEvent): Promise<ReadableEvent> {
  let newestFailure: unknown;
  for (let version = contract.latestVersion; version >= 1; version--) {
    try {
      return await readVersion(contract, received, version);
    } catch (error) {
      newestFailure ??= error;
    }
  }
  throw newestFailure;
}

/** What all attempts of one subscription share. */
export interface AttemptParts {
  readonly store: StoreConnection | undefined;
  readonly client: ProcedureClient;
  readonly clock: Clock;
  readonly fence: Fence | undefined;
  readonly durable: string;
  readonly publisher: EventPublisher;
  readonly logger: Logger;
}

/** The context of one attempt; signal, logger and the functions are made when a handler first asks for them. */
export class AttemptContext implements HandlerContext, PublishingCause {
  readonly event: EventEnvelope;
  readonly headers: WireHeaders;
  readonly attempt: number;
  readonly redelivered: boolean;
  readonly receivedAtMs: number;
  readonly deadlineMs: number;
  readonly span: Span;
  /** For durations, in ms of `performance.now()`. */
  readonly startedAtMs: number = performance.now();
  readonly #parts: AttemptParts;
  #controller: AbortController | undefined = undefined;
  #log: Logger | undefined = undefined;
  #published: Map<string, number> | undefined = undefined;
  #unit: UnitOfWork | undefined = undefined;

  constructor(parts: AttemptParts, event: EventEnvelope, handling: Handling, deadlineMs: number, span: Span) {
    this.#parts = parts;
    this.event = event;
    this.headers = handling.delivery.message.headers;
    this.attempt = handling.attempt;
    this.redelivered = handling.redelivered;
    this.receivedAtMs = handling.receivedAtMs;
    this.deadlineMs = deadlineMs;
    this.span = span;
  }

  get fence(): Fence | undefined {
    return this.#parts.fence;
  }

  get tx(): SqlTransaction {
    if (this.#unit === undefined) {
      throw new ThroughlineError("STORE_MISSING", `${this.#parts.durable} has no transaction.`);
    }
    return this.#unit.tx;
  }

  get unit(): UnitOfWork | undefined {
    return this.#unit;
  }

  /** From here on the handler works in this transaction. */
  join(unit: UnitOfWork): void {
    this.#unit = unit;
  }

  get durable(): string {
    return this.#parts.durable;
  }

  get publish(): HandlerContext["publish"] {
    return (contract, data, options) =>
      this.#parts.publisher.publish(contract, data, options, this) as Promise<EventEnvelope<typeof contract.type>>;
  }

  get publishAll(): HandlerContext["publishAll"] {
    return (events, options) => this.#parts.publisher.publishAll(events as readonly PublishEntry[], options, this);
  }

  get call(): HandlerContext["call"] {
    return (procedure, request, options) => this.#parts.client.call(procedure, request, options) as never;
  }

  remainingMs(): number {
    return this.deadlineMs - this.#parts.clock.now();
  }

  get cancelSchedule(): HandlerContext["cancelSchedule"] {
    return (contract, name) => this.#parts.publisher.cancelSchedule(contract, name);
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  get log(): Logger {
    this.#log ??= this.#parts.logger.child({
      eventId: this.event.id,
      correlationId: this.event.correlationId,
      traceId: this.span.spanContext().traceId,
      spanId: this.span.spanContext().spanId,
      attempt: this.attempt,
    });
    return this.#log;
  }

  countOf(subject: string): number {
    this.#published ??= new Map();
    const count = this.#published.get(subject) ?? 0;
    this.#published.set(subject, count + 1);
    return count;
  }

  abort(reason: Error): void {
    this.#controller ??= new AbortController();
    this.#controller.abort(reason);
  }
}

/**
 * Calls the handler with the attempt's span active, and so that calls of policies know that they run inside of it. With a
 * store it runs in a transaction, and not at all when the event was handled before.
 */
export function callHandler(
  subscription: Subscription,
  data: unknown,
  context: AttemptContext,
  store: StoreConnection | undefined,
  isCurrent: () => boolean,
): unknown {
  const handle = () => subscription.handler(data, context);
  return handlingScope.run(context, () =>
    runInContext(contextOfSpan(context.span), () => {
      if (store === undefined) {
        return handle();
      }
      const { durable, fence, signal, event } = context;
      const { timeoutMs } = subscription.policy;
      return store.handle({ durable, eventId: event.id, fence, signal, timeoutMs, isCurrent }, (unit) => {
        context.join(unit);
        return handle();
      });
    }),
  );
}
