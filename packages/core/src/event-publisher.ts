// Publishes the declared events of one service: validated, enveloped, traced, confirmed.

import type { Span } from "@opentelemetry/api";
import {
  type AnyEventContract,
  createEventId,
  deriveEventId,
  type EventEnvelope,
  subjectOfEvent,
  ThroughlineError,
  writeEventHeaders,
} from "@throughline/contracts";
import type { Clock } from "./clock.ts";
import { handlingHeader } from "./handling-header.ts";
import { contextOfSpan, recordFailure, type Tracing, traceHeadersOf } from "./tracing.ts";
import type { TransportConnection } from "./transport.ts";

/** The handling that publishes: its event is the cause, and its facts travel with what it publishes. */
export interface PublishingCause {
  readonly event: EventEnvelope;
  readonly durable: string;
  readonly attempt: number;
  readonly receivedAtMs: number;
  readonly span: Span;
  /** How often this attempt has published this type and key before. */
  countOf(subject: string): number;
}

export class EventPublisher {
  readonly #service: string;
  readonly #declared: ReadonlySet<AnyEventContract>;
  readonly #connection: TransportConnection;
  readonly #tracing: Tracing;
  readonly #clock: Clock;
  #stopped = false;
  #timestampMs = Number.NaN;
  #timestampText = "";

  constructor(parts: {
    readonly service: string;
    readonly publishes: readonly AnyEventContract[];
    readonly connection: TransportConnection;
    readonly tracing: Tracing;
    readonly clock: Clock;
  }) {
    this.#service = parts.service;
    this.#declared = new Set(parts.publishes);
    this.#connection = parts.connection;
    this.#tracing = parts.tracing;
    this.#clock = parts.clock;
  }

  /** From here on every publication is refused. */
  stop(): void {
    this.#stopped = true;
  }

  async publish(contract: AnyEventContract, data: unknown, cause?: PublishingCause): Promise<EventEnvelope> {
    this.#requireAllowed(contract);
    const span = this.#tracing.startSend(contract.type, cause && contextOfSpan(cause.span));
    try {
      const valid = contract.parse(data);
      if (valid instanceof Promise) {
        await valid;
      }
      const key = contract.keyOf(data);
      const subject = subjectOfEvent(contract.type, key);
      const envelope = this.#createEnvelope(contract, key, subject, span, cause);
      const headers = writeEventHeaders(envelope);
      if (cause !== undefined) {
        headers.set(handlingHeader.name, handlingHeader.format(cause));
      }
      const body = Buffer.from(JSON.stringify(data));
      this.#tracing.describeSend(span, envelope, subject, body.length);
      await this.#connection.publish({ subject, headers, body, messageId: envelope.id });
      return envelope;
    } catch (error) {
      recordFailure(span, error);
      throw error;
    } finally {
      span.end();
    }
  }

  #requireAllowed(contract: AnyEventContract): void {
    if (this.#stopped) {
      throw new ThroughlineError("BUS_STOPPED", `Service "${this.#service}" is stopped and publishes no more.`);
    }
    if (!this.#declared.has(contract)) {
      throw new ThroughlineError(
        "BUS_EVENT_UNDECLARED",
        `Service "${this.#service}" does not declare that it publishes ${contract.type}.`,
        { details: { service: this.#service, type: contract.type } },
      );
    }
  }

  #createEnvelope(
    contract: AnyEventContract,
    key: string,
    subject: string,
    span: Span,
    cause: PublishingCause | undefined,
  ): EventEnvelope {
    const id =
      cause === undefined
        ? createEventId()
        : deriveEventId(cause.event.id, cause.durable, subject, String(cause.countOf(subject)));
    return {
      id,
      type: contract.type,
      version: contract.latestVersion,
      source: `/${this.#service}`,
      time: this.#timestamp(),
      key,
      correlationId: cause?.event.correlationId ?? id,
      ...(cause === undefined ? undefined : { causationId: cause.event.id }),
      ...traceHeadersOf(span),
    };
  }

  /** Now as RFC 3339; many events share a millisecond. */
  #timestamp(): string {
    const now = this.#clock.now();
    if (now !== this.#timestampMs) {
      this.#timestampMs = now;
      this.#timestampText = new Date(now).toISOString();
    }
    return this.#timestampText;
  }
}
