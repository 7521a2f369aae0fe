// Spans of publishing and handling, and the W3C context that joins them across services.
// Speaks to the OpenTelemetry API only; without an SDK each call costs next to nothing and the context still travels.

import {
  type Attributes,
  type Context,
  context as contextApi,
  createTraceState,
  isSpanContextValid,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import {
  type AnyProcedureContract,
  createTraceIds,
  type EventEnvelope,
  formatTraceparent,
  parseTraceparent,
  readCarriedTrace,
  scheduledBy,
  type WireHeaders,
} from "@throughline/contracts";
import { isRedriven } from "../dead-letters/redrive-message.ts";
import type { Delivery, TransportPeer } from "../transport.ts";
import { attributeNames as names } from "./telemetry-names.ts";

const maxNames = 1_000;

export class Tracing {
  readonly #tracer: Tracer = trace.getTracer("@throughline/core");
  readonly #peer: Attributes;
  readonly #server: Attributes;
  /** `process <type>` by type: a service handles few types, over and over. */
  readonly #processNames = new Map<string, string>();

  constructor({ system, address, port }: TransportPeer) {
    this.#server = {
      ...(address === undefined ? undefined : { [names.serverAddress]: address }),
      ...(port === undefined ? undefined : { [names.serverPort]: port }),
    };
    this.#peer = { [names.system]: system, [names.systemName]: system, ...this.#server };
  }

  /** The PRODUCER span of one publication, child of whatever runs. */
  startSend(type: string, parent: Context = contextApi.active()): Span {
    const span = this.#tracer.startSpan(`send ${type}`, { kind: SpanKind.PRODUCER }, parent);
    return withOperation(span, "send");
  }

  /** The PRODUCER span of a publication that follows from an earlier event: a trace of its own, linked to that one's. */
  startSendLater(type: string, { traceparent, tracestate }: Pick<EventEnvelope, "traceparent" | "tracestate">): Span {
    const earlier = readSpanContext(traceparent, tracestate);
    const links: Link[] = earlier === undefined ? [] : [{ context: earlier }];
    const span = this.#tracer.startSpan(`send ${type}`, { kind: SpanKind.PRODUCER, links }, ROOT_CONTEXT);
    return withOperation(span, "send");
  }

  /** The PRODUCER span of one event of an atomic batch, whose `send` span links to it. */
  startCreate(type: string, parent: Context = contextApi.active()): Span {
    const span = this.#tracer.startSpan(`create ${type}`, { kind: SpanKind.PRODUCER }, parent);
    return withOperation(span, "create");
  }

  /** The CLIENT span that sends an atomic batch. */
  startSendBatch(context: string, created: readonly Span[], parent: Context = contextApi.active()): Span {
    const links = created.map((span) => ({ context: span.spanContext() }));
    const attributes = {
      ...this.#peer,
      [names.operationName]: "send",
      [names.operationType]: "send",
      [names.destinationName]: context,
      [names.batchMessageCount]: created.length,
    };
    return this.#tracer.startSpan(`send ${context}`, { kind: SpanKind.CLIENT, links, attributes }, parent);
  }

  /** Of a span that sends an event, or creates one of a batch. */
  describeEvent(span: Span, envelope: EventEnvelope, subject: string, bodyBytes: number): void {
    if (!span.isRecording()) {
      return;
    }
    span.setAttributes(this.#peer);
    span.setAttribute(names.destinationName, subject);
    setEventAttributes(span, envelope, bodyBytes);
  }

  /**
   * The CONSUMER span of one attempt: child of the sender's span, and linked to it. What was scheduled or redriven begins
   * a trace of its own, with the link alone: a trace that waits for days helps nobody.
   */
  startProcess(type: string, durable: string, delivery: Delivery, attempt: number): Span {
    const carried = readCarriedTrace(delivery.message);
    const producer = readSpanContext(carried?.traceparent, carried?.tracestate);
    const { headers } = delivery.message;
    const isOwnTrace = producer === undefined || scheduledBy(headers) !== undefined || isRedriven(headers);
    const parent = isOwnTrace ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, producer);
    const links: Link[] = producer === undefined ? [] : [{ context: producer }];
    const span = this.#tracer.startSpan(this.#processName(type), { kind: SpanKind.CONSUMER, links }, parent);
    if (span.isRecording()) {
      withOperation(span, "process").setAttributes(this.#peer);
      span.setAttribute(names.destinationName, delivery.message.subject);
      span.setAttribute(names.consumerGroup, durable);
      span.setAttribute(names.streamName, delivery.storedAt.stream);
      span.setAttribute(names.streamSequence, delivery.storedAt.sequence);
      span.setAttribute(names.consumerSequence, delivery.consumerSequence);
      span.setAttribute(names.deliveryCount, attempt);
    }
    return span;
  }

  /** The CLIENT span of one question. @see https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/ */
  startCall({ name, context }: AnyProcedureContract): Span {
    const attributes = { ...this.#server, ...rpcAttributes(name, context) };
    return this.#tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, contextApi.active());
  }

  /** The SERVER span of one answer, child of the caller's. */
  startServe({ name, context }: AnyProcedureContract, headers: WireHeaders): Span {
    const caller = readSpanContext(headers.get("traceparent"), headers.get("tracestate"));
    const parent = caller === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, caller);
    const attributes = { ...this.#server, ...rpcAttributes(name, context) };
    return this.#tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
  }

  #processName(type: string): string {
    let name = this.#processNames.get(type);
    if (name === undefined) {
      name = `process ${type}`;
      if (this.#processNames.size < maxNames) {
        this.#processNames.set(type, name);
      }
    }
    return name;
  }

  describeProcess(span: Span, envelope: EventEnvelope, bodyBytes: number): void {
    if (span.isRecording()) {
      setEventAttributes(span, envelope, bodyBytes);
    }
  }
}

function rpcAttributes(name: string, context: string): Attributes {
  return { [names.rpcSystem]: "nats", [names.rpcService]: context, [names.rpcMethod]: name.slice(context.length + 1) };
}

function withOperation(span: Span, operation: "send" | "create" | "process"): Span {
  return span.setAttribute(names.operationName, operation).setAttribute(names.operationType, operation);
}

/** The active context with `span` in it, for a handler and the spans that it starts. */
export function contextOfSpan(span: Span): Context {
  return trace.setSpan(ROOT_CONTEXT, span);
}

/** Runs `action` with `context` active, so that spans started inside become children. */
export function runInContext<Result>(context: Context, action: () => Result): Result {
  return contextApi.with(context, action);
}

/** Marks the span as failed; `error.type` is the error's code where it has one, its name otherwise. */
export function recordFailure(span: Span, error: unknown): void {
  if (!span.isRecording()) {
    return;
  }
  const failure = error instanceof Error ? error : new Error(String(error));
  span.setAttribute(names.errorType, errorType(failure));
  span.recordException(failure);
  span.setStatus({ code: SpanStatusCode.ERROR, message: failure.message });
}

/** A low-cardinality name for what was thrown. */
export function errorType(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return typeof code === "string" ? code : typeof name === "string" ? name : "unknown";
}

/**
 * The trace context to send with a message. Without an SDK the incoming context is passed on; where there is none, a
 * new unsampled trace begins, so a journey has one trace id in every case.
 */
export function traceHeadersOf(span: Span): { traceparent: string; tracestate: string | undefined } {
  const spanContext = span.spanContext();
  if (!isSpanContextValid(spanContext)) {
    return { traceparent: formatTraceparent({ ...createTraceIds(), flags: 0 }), tracestate: undefined };
  }
  const { traceId, spanId, traceFlags, traceState } = spanContext;
  const traceparent = formatTraceparent({ traceId, spanId, flags: traceFlags });
  return { traceparent, tracestate: traceState?.serialize() || undefined };
}

function readSpanContext(traceparent: string | undefined, tracestate: string | undefined): SpanContext | undefined {
  const parent = parseTraceparent(traceparent);
  if (parent === undefined) {
    return undefined;
  }
  return {
    traceId: parent.traceId,
    spanId: parent.spanId,
    traceFlags: parent.flags,
    isRemote: true,
    ...(tracestate === undefined ? undefined : { traceState: createTraceState(tracestate) }),
  };
}

/** One by one: an object of attributes would be made and taken apart again for every span. */
function setEventAttributes(span: Span, envelope: EventEnvelope, bodyBytes: number): void {
  span.setAttribute(names.destinationTemplate, envelope.type);
  span.setAttribute(names.messageId, envelope.id);
  span.setAttribute(names.conversationId, envelope.correlationId);
  span.setAttribute(names.bodySize, bodyBytes);
  span.setAttribute(names.cloudEventId, envelope.id);
  span.setAttribute(names.cloudEventSource, envelope.source);
  span.setAttribute(names.cloudEventType, envelope.type);
  span.setAttribute(names.cloudEventSubject, envelope.key);
}
