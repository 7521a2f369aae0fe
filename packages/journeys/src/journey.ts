// One causal graph out of the stored events of a correlation id. Needs no span: what an event carries says which event
// caused it, which subscription handled that one, in which attempt, and when.

import {
  type EventEnvelope,
  parseTraceparent,
  type ReceivedEvent,
  readEvent,
  type StoredAt,
  type StoredWireMessage,
  type WireMessage,
} from "@throughline/contracts";
import type { DeliveryProgress } from "./progress.ts";
import type { JourneyAttempt } from "./spans.ts";

/** One event of a journey, and what is known of the handling that published it. */
export interface JourneyEvent {
  readonly id: string;
  readonly type: string;
  readonly version: number | undefined;
  /** The service that published the event. */
  readonly service: string;
  readonly key: string;
  readonly correlationId: string;
  readonly causationId: string | undefined;
  readonly traceId: string | undefined;
  /** When the publisher made it, RFC 3339. */
  readonly time: string;
  readonly stream: string;
  readonly streamSequence: number;
  readonly storedAtMs: number;
  /** Absent on an event that no handled event caused. */
  readonly handling: Handling | undefined;
  /** What became of it at each subscription that wants it; empty where nobody asked the server. */
  readonly deliveries: readonly DeliveryProgress[];
  /** The attempts to handle it, oldest first; empty where no spans are given. */
  readonly attempts: readonly JourneyAttempt[];
}

/** The handling of the causing event, out of which an event came. */
export interface Handling {
  /** The durable consumer: `<service>-<subscription>`. */
  readonly durable: string;
  readonly attempt: number;
  /** From the cause being stored to its delivery; undefined where the cause is not at hand. */
  readonly waitMs: number | undefined;
  /** From the delivery to this event being stored. */
  readonly workMs: number;
}

/** The causes first: roots are events without a cause at hand. */
export interface JourneyNode {
  readonly event: JourneyEvent;
  readonly effects: readonly JourneyNode[];
}

export interface Journey {
  readonly correlationId: string;
  /** Every event, in the order of storage. */
  readonly events: readonly JourneyEvent[];
  readonly roots: readonly JourneyNode[];
  /** The trace ids in the journey; one where nothing was redriven or delayed. */
  readonly traceIds: readonly string[];
  /** Whether every subscription is done with every event; undefined where nobody asked the server. */
  readonly isAtRest: boolean | undefined;
}

/** Builds the graph; messages that are unreadable or of another journey are left out, repeated ids count once. */
export function buildJourney(correlationId: string, messages: readonly StoredWireMessage[]): Journey {
  const read = messages.flatMap((stored) => {
    const received = tryRead(stored);
    return received?.envelope.correlationId === correlationId ? [{ ...stored, envelope: received.envelope }] : [];
  });
  read.sort((a, b) => a.storedAt.timeMs - b.storedAt.timeMs || a.storedAt.sequence - b.storedAt.sequence);
  const storedAtById = new Map(read.map(({ envelope, storedAt }) => [envelope.id, storedAt.timeMs]));
  const events = new Map<string, JourneyEvent>();
  for (const { envelope, message, storedAt } of read) {
    if (!events.has(envelope.id)) {
      const causeStoredAtMs = envelope.causationId === undefined ? undefined : storedAtById.get(envelope.causationId);
      events.set(envelope.id, toJourneyEvent(envelope, message, storedAt, causeStoredAtMs));
    }
  }
  return {
    correlationId,
    events: [...events.values()],
    roots: toForest([...events.values()]),
    traceIds: [...new Set([...events.values()].flatMap(({ traceId }) => traceId ?? []))],
    isAtRest: undefined,
  };
}

/** The same journey, with more known of each event. */
export function replaceEvents(journey: Journey, replace: (event: JourneyEvent) => JourneyEvent): Journey {
  const replaced = new Map(journey.events.map((event) => [event.id, replace(event)]));
  const find = (event: JourneyEvent) => replaced.get(event.id) ?? event;
  const toNode = ({ event, effects }: JourneyNode): JourneyNode => ({
    event: find(event),
    effects: effects.map(toNode),
  });
  return { ...journey, events: journey.events.map(find), roots: journey.roots.map(toNode) };
}

function tryRead({ message, storedAt }: StoredWireMessage): ReceivedEvent | undefined {
  try {
    return readEvent(message, storedAt);
  } catch {
    return undefined;
  }
}

function toJourneyEvent(
  envelope: Omit<EventEnvelope, "version"> & { readonly version: number | undefined },
  { headers }: WireMessage,
  storedAt: StoredAt,
  causeStoredAtMs: number | undefined,
): JourneyEvent {
  return {
    id: envelope.id,
    type: envelope.type,
    version: envelope.version,
    service: envelope.source.replace(/^\//, ""),
    key: envelope.key,
    correlationId: envelope.correlationId,
    causationId: envelope.causationId,
    traceId: parseTraceparent(envelope.traceparent)?.traceId,
    time: envelope.time,
    stream: storedAt.stream,
    streamSequence: storedAt.sequence,
    storedAtMs: storedAt.timeMs,
    handling: readHandling(headers.get("throughline-handling"), storedAt.timeMs, causeStoredAtMs),
    deliveries: [],
    attempts: [],
  };
}

const handlingPattern = /^([a-z0-9-]{1,130});attempt=(\d{1,9});received=(\d{1,15})$/;

function readHandling(value = "", storedAtMs: number, causeStoredAtMs: number | undefined): Handling | undefined {
  const match = handlingPattern.exec(value);
  if (match === null) {
    return undefined;
  }
  const [, durable = "", attempt, received] = match;
  const receivedAtMs = Number(received);
  return {
    durable,
    attempt: Number(attempt),
    // Clocks of two machines may differ by a little: a wait is never shown as less than nothing.
    waitMs: causeStoredAtMs === undefined ? undefined : Math.max(0, receivedAtMs - causeStoredAtMs),
    workMs: Math.max(0, storedAtMs - receivedAtMs),
  };
}

function toForest(events: readonly JourneyEvent[]): JourneyNode[] {
  const ids = new Set(events.map(({ id }) => id));
  const effectsOf = Map.groupBy(events, ({ causationId, id }) =>
    causationId !== undefined && causationId !== id && ids.has(causationId) ? causationId : undefined,
  );
  const placed = new Set<string>();
  const toNode = (event: JourneyEvent): JourneyNode => {
    placed.add(event.id);
    const effects = (effectsOf.get(event.id) ?? []).filter(({ id }) => !placed.has(id));
    return { event, effects: effects.map(toNode) };
  };
  const roots = (effectsOf.get(undefined) ?? []).map(toNode);
  // Forged causes can form a ring without a root; such events still show, as roots.
  const stranded = events.flatMap((event) => (placed.has(event.id) ? [] : [toNode(event)]));
  return [...roots, ...stranded];
}
