// Publishes the declared events of one service: validated, enveloped, traced, confirmed.

import type { Span } from "@opentelemetry/api";
import {
  type AnyEventContract,
  createEventId,
  deriveEventId,
  type EventEnvelope,
  subjectOfEvent,
  subjectOfSchedule,
  ThroughlineError,
  writeEventHeaders,
} from "@throughline/contracts";
import type { Clock } from "../clock.ts";
import type { StoreConnection, UnitOfWork } from "../store.ts";
import { SendMetrics } from "../telemetry/operation-metrics.ts";
import { contextOfSpan, errorType, recordFailure, type Tracing, traceHeadersOf } from "../telemetry/tracing.ts";
import type { OutgoingMessage, TransportConnection } from "../transport.ts";
import { batchIncomplete, type PublishEntry, requireAtomicBatch } from "./event-batch.ts";
import { handlingHeader } from "./handling-header.ts";
import { linkToJourney } from "./journey-links.ts";
import { addUserHeaders, type PublishAllOptions, type PublishOptions, requireValidId } from "./publish-options.ts";
import { type MessageSchedule, timingOfSchedule } from "./schedule.ts";
import type { WrittenVersions } from "./written-versions.ts";

/** The handling that publishes: its event is the cause, and its facts travel with what it publishes. */
export interface PublishingCause {
  readonly event: EventEnvelope;
  readonly durable: string;
  readonly attempt: number;
  readonly receivedAtMs: number;
  readonly span: Span;
  /** The transaction that the handling works in, where it does. */
  readonly unit?: UnitOfWork | undefined;
  /** How often this attempt has published this type and key before. */
  countOf(subject: string): number;
}

/** Valid data of the newest version, and what is written of it. */
interface WrittenEvent {
  readonly contract: AnyEventContract;
  readonly data: unknown;
  readonly version: number;
  readonly written: unknown;
}

interface PreparedEvent {
  readonly envelope: EventEnvelope;
  readonly message: OutgoingMessage;
  /** What makes the event findable where its key differs from its cause's. */
  readonly link?: OutgoingMessage | undefined;
}

export class EventPublisher {
  readonly #service: string;
  readonly #source: string;
  readonly #declared: ReadonlySet<AnyEventContract>;
  readonly #written: WrittenVersions;
  readonly #connection: TransportConnection;
  readonly #store: () => StoreConnection | undefined;
  readonly #tracing: Tracing;
  readonly #metrics: SendMetrics;
  readonly #clock: Clock;
  #stopped = false;
  #timestampMs = Number.NaN;
  #timestampText = "";

  constructor(parts: {
    readonly service: string;
    readonly publishes: readonly AnyEventContract[];
    readonly written: WrittenVersions;
    readonly connection: TransportConnection;
    readonly store?: () => StoreConnection | undefined;
    readonly tracing: Tracing;
    readonly clock: Clock;
  }) {
    this.#service = parts.service;
    this.#source = `/${parts.service}`;
    this.#declared = new Set(parts.publishes);
    this.#written = parts.written;
    this.#connection = parts.connection;
    this.#store = parts.store ?? (() => undefined);
    this.#tracing = parts.tracing;
    this.#metrics = new SendMetrics(parts.connection.peer);
    this.#clock = parts.clock;
  }

  /** From here on every publication is refused. */
  stop(): void {
    this.#stopped = true;
  }

  publish(
    contract: AnyEventContract,
    data: unknown,
    options?: PublishOptions,
    cause?: PublishingCause,
  ): Promise<EventEnvelope> {
    const refusal = this.#refusalOf(contract);
    if (refusal !== undefined) {
      return Promise.reject(refusal);
    }
    const span =
      options?.causedBy === undefined
        ? this.#tracing.startSend(contract.type, cause && contextOfSpan(cause.span))
        : this.#tracing.startSendLater(contract.type, options.causedBy);
    try {
      const written = this.#write(contract, data);
      return written instanceof Promise
        ? written.then(
            (event) => this.#send(event, options, cause, span),
            (error: unknown) => failSpan(span, error),
          )
        : this.#send(written, options, cause, span);
    } catch (error) {
      return failSpan(span, error);
    }
  }

  /** @throws BUS_BATCH_INCOMPLETE when some were stored and some were not; the failure itself for an atomic batch */
  async publishAll(
    entries: readonly PublishEntry[],
    { atomic = false }: PublishAllOptions = {},
    cause?: PublishingCause,
  ): Promise<readonly EventEnvelope[]> {
    if (entries.length === 0) {
      return [];
    }
    if (atomic) {
      return await this.#publishAtomically(entries, cause);
    }
    const results = await Promise.allSettled(
      entries.map(([contract, data, options]) => this.publish(contract, data, options, cause)),
    );
    const failures = results.flatMap((result, index) =>
      result.status === "rejected" ? [{ index, reason: result.reason as unknown }] : [],
    );
    if (failures.length > 0) {
      throw batchIncomplete(entries, failures);
    }
    return results.map((result) => (result as PromiseFulfilledResult<EventEnvelope>).value);
  }

  /** Whether there was something to cancel. */
  async cancelSchedule(contract: AnyEventContract, name: string): Promise<boolean> {
    this.#requireAllowed(contract);
    return await this.#connection.cancelSchedule(contract.stream, subjectOfSchedule(contract.type, name));
  }

  /** Checks the data, and brings it into the version that is written. */
  #write(contract: AnyEventContract, data: unknown): WrittenEvent | Promise<WrittenEvent> {
    const version = this.#written.of(contract);
    const valid = contract.parse(data);
    if (version === contract.latestVersion) {
      const event = { contract, data, version, written: data };
      return valid instanceof Promise ? valid.then(() => event) : event;
    }
    const older =
      valid instanceof Promise ? valid.then(() => contract.downcast(version, data)) : contract.downcast(version, data);
    return older instanceof Promise
      ? older.then((written) => ({ contract, data, version, written }))
      : { contract, data, version, written: older };
  }

  /** Written without `await`, so that of all that was made on the way only the envelope outlives the wait. */
  #send(
    event: WrittenEvent,
    options: PublishOptions | undefined,
    cause: PublishingCause | undefined,
    span: Span,
  ): Promise<EventEnvelope> {
    try {
      const { envelope, message, link } = this.#prepare(event, options, span, cause);
      const storing = this.#handOver(message, options, cause);
      const linked = link && Promise.all([this.#handOver(link, options, cause), storing]);
      return this.#confirm(linked ?? storing, envelope, span);
    } catch (error) {
      return failSpan(span, error);
    }
  }

  /** In a transaction where there is one, else at the broker. */
  #handOver(
    message: OutgoingMessage,
    options: PublishOptions | undefined,
    cause: PublishingCause | undefined,
  ): Promise<unknown> {
    if (options?.transaction !== undefined) {
      const store = this.#store();
      if (store === undefined) {
        throw new ThroughlineError("STORE_MISSING", `Service "${this.#service}" has no outbox to publish through.`);
      }
      return store.enqueue(options.transaction, [message]);
    }
    const unit = options?.direct === true ? undefined : cause?.unit;
    return unit === undefined ? this.#connection.publish(message) : unit.enqueue(message);
  }

  #confirm(storing: Promise<unknown>, envelope: EventEnvelope, span: Span): Promise<EventEnvelope> {
    const startedAtMs = performance.now();
    return storing.then(
      () => {
        span.end();
        this.#metrics.sent(envelope.type, performance.now() - startedAtMs);
        return envelope;
      },
      (error: unknown) => {
        this.#metrics.sent(envelope.type, performance.now() - startedAtMs, errorType(error));
        return failSpan(span, error);
      },
    );
  }

  async #publishAtomically(entries: readonly PublishEntry[], cause?: PublishingCause): Promise<EventEnvelope[]> {
    for (const [contract] of entries) {
      this.#requireAllowed(contract);
    }
    requireAtomicBatch(entries);
    const parent = cause && contextOfSpan(cause.span);
    const spans = entries.map(([contract]) => this.#tracing.startCreate(contract.type, parent));
    const types = entries.map(([contract]) => contract.type);
    let batchSpan: Span | undefined;
    let sendingSinceMs: number | undefined;
    try {
      const written = await Promise.all(entries.map(([contract, data]) => this.#write(contract, data)));
      const prepared = written.map((event, index) =>
        this.#prepare(event, entries[index]?.[2], spans[index] as Span, cause),
      );
      batchSpan = this.#tracing.startSendBatch((entries[0] as PublishEntry)[0].context, spans, parent);
      const messages = prepared.map(({ message }) => message);
      sendingSinceMs = performance.now();
      const unit = cause?.unit;
      await Promise.all(prepared.map(({ link }) => link && this.#handOver(link, undefined, cause)));
      await (unit === undefined
        ? this.#connection.publishAtomically(messages)
        : Promise.all(messages.map((message) => unit.enqueue(message))));
      this.#metrics.sentTogether(types, performance.now() - sendingSinceMs);
      return prepared.map(({ envelope }) => envelope);
    } catch (error) {
      if (sendingSinceMs !== undefined) {
        this.#metrics.sentTogether(types, performance.now() - sendingSinceMs, errorType(error));
      }
      for (const span of spans) {
        recordFailure(span, error);
      }
      if (batchSpan !== undefined) {
        recordFailure(batchSpan, error);
      }
      throw error;
    } finally {
      for (const span of spans) {
        span.end();
      }
      batchSpan?.end();
    }
  }

  #requireAllowed(contract: AnyEventContract): void {
    const refusal = this.#refusalOf(contract);
    if (refusal !== undefined) {
      throw refusal;
    }
  }

  #refusalOf(contract: AnyEventContract): ThroughlineError | undefined {
    if (this.#stopped) {
      return new ThroughlineError("BUS_STOPPED", `Service "${this.#service}" is stopped and publishes no more.`);
    }
    return this.#declared.has(contract)
      ? undefined
      : new ThroughlineError(
          "BUS_EVENT_UNDECLARED",
          `Service "${this.#service}" does not declare that it publishes ${contract.type}.`,
          { details: { service: this.#service, type: contract.type } },
        );
  }

  #prepare(
    { contract, data, version, written }: WrittenEvent,
    options: PublishOptions | undefined,
    span: Span,
    cause: PublishingCause | undefined,
  ): PreparedEvent {
    const key = contract.keyOf(data);
    const subject = subjectOfEvent(contract.type, key);
    const now = this.#clock.now();
    const timing = options?.schedule && timingOfSchedule(contract, options.schedule, now);
    const dueMs = timing !== undefined && "atMs" in timing ? timing.atMs : now;
    const envelope = this.#createEnvelope(contract, version, key, subject, dueMs, options, span, cause);
    const headers = writeEventHeaders(envelope);
    if (cause !== undefined && options?.causedBy === undefined) {
      headers.set(handlingHeader.name, handlingHeader.format(cause));
    }
    if (options?.headers !== undefined) {
      addUserHeaders(headers, options.headers);
    }
    const body = JSON.stringify(written);
    this.#tracing.describeEvent(span, envelope, subject, Buffer.byteLength(body));
    const message: OutgoingMessage = { subject, headers, body, messageId: envelope.id, orderKey: key };
    const link = linkToJourney(envelope, (options?.causedBy ?? cause?.event)?.key);
    if (timing === undefined) {
      return { envelope, message, link };
    }
    const name = options?.schedule?.name ?? envelope.id;
    const schedule: MessageSchedule = { subject: subjectOfSchedule(contract.type, name), timing };
    return { envelope, message: { ...message, schedule }, link };
  }

  #createEnvelope(
    contract: AnyEventContract,
    version: number,
    key: string,
    subject: string,
    timeMs: number,
    options: PublishOptions | undefined,
    span: Span,
    cause: PublishingCause | undefined,
  ): EventEnvelope {
    const id =
      options?.id !== undefined
        ? requireValidId(options.id)
        : cause === undefined
          ? createEventId()
          : deriveEventId(cause.event.id, cause.durable, subject, String(cause.countOf(subject)));
    const causing = options?.causedBy ?? cause?.event;
    const time = this.#timestamp(timeMs);
    const { traceparent, tracestate } = traceHeadersOf(span);
    return {
      id,
      type: contract.type,
      version,
      source: this.#source,
      time,
      key,
      correlationId: causing?.correlationId ?? id,
      causationId: causing?.id,
      traceparent,
      tracestate,
    };
  }

  /** As RFC 3339; many events share a millisecond. */
  #timestamp(timeMs: number): string {
    if (timeMs !== this.#timestampMs) {
      this.#timestampMs = timeMs;
      this.#timestampText = new Date(timeMs).toISOString();
    }
    return this.#timestampText;
  }
}

function failSpan(span: Span, error: unknown): Promise<never> {
  recordFailure(span, error);
  span.end();
  return Promise.reject(error);
}
