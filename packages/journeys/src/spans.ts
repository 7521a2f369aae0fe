// What spans add to a journey: each attempt at an event, how long it took, what went on inside. Read from OTLP's JSON, as Jaeger
// gives it; a journey is whole without any.

import { type Journey, type JourneyEvent, replaceEvents } from "./journey.ts";

/** One call of a handler. */
export interface JourneyAttempt {
  /** `<service>-<subscription>` */
  readonly durable: string;
  readonly attempt: number;
  readonly startedAtMs: number;
  readonly durationMs: number;
  /** Why it failed. */
  readonly error?: string;
  /** The calls, queries and steps that made spans of their own, in the order of time. */
  readonly inside: readonly InnerSpan[];
}

export interface InnerSpan {
  readonly name: string;
  readonly service: string;
  readonly durationMs: number;
  readonly error?: string;
}

export interface TraceSpan {
  readonly id: string;
  readonly parentId: string;
  readonly service: string;
  readonly name: string;
  readonly kind: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: ReadonlyMap<string, string>;
  readonly error?: string;
}

/** Of the messaging conventions, and of the conventions for CloudEvents. */
const eventId = "cloudevents.event_id";
const consumerGroup = "messaging.consumer.group.name";
const deliveryCount = "messaging.nats.message.delivery_count";

/** OTLP's numbers. */
const kinds = { producer: 4, consumer: 5 } as const;
const errorStatus = 2;
const maxSpans = 50_000;

/** `resourceSpans` and what is in them; what has another shape is left out. */
export function readOtlpSpans(document: unknown): readonly TraceSpan[] {
  return listOf(document, "resourceSpans")
    .flatMap((group) => {
      const service = readAttributes(fieldOf(group, "resource")).get("service.name") ?? "unknown_service";
      return listOf(group, "scopeSpans").flatMap((scope) => listOf(scope, "spans").map((span) => ({ service, span })));
    })
    .slice(0, maxSpans)
    .map(({ service, span }) => readSpan(service, span));
}

function readSpan(service: string, span: unknown): TraceSpan {
  const status = fieldOf(span, "status");
  const failed = Number(fieldOf(status, "code")) === errorStatus;
  const attributes = readAttributes(span);
  return {
    id: textOf(span, "spanId"),
    parentId: textOf(span, "parentSpanId"),
    service,
    name: textOf(span, "name"),
    kind: Number(fieldOf(span, "kind")),
    startMs: readMs(span, "startTimeUnixNano"),
    endMs: readMs(span, "endTimeUnixNano"),
    attributes,
    ...(failed && { error: textOf(status, "message") || (attributes.get("error.type") ?? "failed") }),
  };
}

/** Each event with the attempts at it that are among the spans. */
export function addSpans(journey: Journey, spans: readonly TraceSpan[]): Journey {
  const childrenOf = Map.groupBy(spans, ({ parentId }) => parentId);
  const attemptsAt = Map.groupBy(
    spans.filter(({ kind, attributes }) => kind === kinds.consumer && attributes.has(consumerGroup)),
    ({ attributes }) => attributes.get(eventId),
  );
  return replaceEvents(journey, (event: JourneyEvent) => ({
    ...event,
    attempts: (attemptsAt.get(event.id) ?? [])
      .map((span) => toAttempt(span, childrenOf))
      .sort((one, other) => one.startedAtMs - other.startedAtMs),
  }));
}

function toAttempt(span: TraceSpan, childrenOf: ReadonlyMap<string, readonly TraceSpan[]>): JourneyAttempt {
  const { attributes, startMs, endMs, error } = span;
  const inside = listInside(span, childrenOf, new Set()).sort((one, other) => one.startMs - other.startMs);
  return {
    durable: attributes.get(consumerGroup) ?? "",
    attempt: Number(attributes.get(deliveryCount) ?? 1),
    startedAtMs: startMs,
    durationMs: Math.round(endMs - startMs),
    ...(error !== undefined && { error }),
    inside: inside.map((one) => ({
      name: one.name,
      service: one.service,
      durationMs: Math.round(one.endMs - one.startMs),
      ...(one.error !== undefined && { error: one.error }),
    })),
  };
}

/** Down to where another event begins: what follows from that one is told at its place. */
function listInside(
  { id }: TraceSpan,
  childrenOf: ReadonlyMap<string, readonly TraceSpan[]>,
  seen: Set<string>,
): TraceSpan[] {
  if (seen.has(id)) {
    return [];
  }
  seen.add(id);
  const children = (childrenOf.get(id) ?? []).filter(({ kind }) => kind !== kinds.producer && kind !== kinds.consumer);
  return children.flatMap((child) => [child, ...listInside(child, childrenOf, seen)]);
}

function readAttributes(owner: unknown): ReadonlyMap<string, string> {
  return new Map(
    listOf(owner, "attributes").map((attribute) => {
      const value = fieldOf(attribute, "value");
      const [first = ""] = typeof value === "object" && value !== null ? Object.values(value) : [];
      return [textOf(attribute, "key"), String(first)];
    }),
  );
}

function readMs(span: unknown, field: string): number {
  const nanos = textOf(span, field);
  return /^\d{1,19}$/.test(nanos) ? Number(BigInt(nanos) / 1_000n) / 1_000 : 0;
}

function fieldOf(owner: unknown, field: string): unknown {
  return typeof owner === "object" && owner !== null ? (owner as Record<string, unknown>)[field] : undefined;
}

function listOf(owner: unknown, field: string): readonly unknown[] {
  const list = fieldOf(owner, field);
  return Array.isArray(list) ? list : [];
}

/** Without what would move a terminal's cursor. */
function textOf(owner: unknown, field: string): string {
  const text = fieldOf(owner, field);
  return typeof text === "string" ? text.replaceAll(/\p{Cc}+/gu, " ") : "";
}
