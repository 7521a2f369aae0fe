import { type StoredWireMessage, writeEventHeaders } from "@throughline/contracts";
import { expect, test } from "vitest";
import { findCriticalPath } from "./critical-path.ts";
import { formatMs } from "./durations.ts";
import { buildJourney, type JourneyEvent } from "./journey.ts";
import { formatJourneyMermaid } from "./journey-mermaid.ts";
import { formatJourneySequence } from "./journey-sequence.ts";
import { formatJourneyTree } from "./journey-tree.ts";
import type { DeliveryProgress } from "./progress.ts";
import { addSpans, readOtlpSpans } from "./spans.ts";

const trace = (span: string) => `00-0af7651916cd43dd8448eb211c80319c-${span.repeat(16)}-01`;
const startMs = Date.parse("2026-01-01T00:00:00Z");

function stored(
  id: string,
  type: string,
  afterMs: number,
  cause?: {
    readonly id: string;
    readonly durable: string;
    readonly receivedAfterMs: number;
    readonly attempt?: number;
  },
): StoredWireMessage {
  const headers = writeEventHeaders({
    id,
    type,
    version: 1,
    source: `/${type.split(".")[0]}`,
    time: new Date(startMs + afterMs).toISOString(),
    key: "o-1",
    correlationId: "e1",
    traceparent: trace("b"),
    ...(cause && { causationId: cause.id }),
  });
  if (cause !== undefined) {
    const received = startMs + cause.receivedAfterMs;
    headers.set("throughline-handling", `${cause.durable};attempt=${cause.attempt ?? 1};received=${received}`);
  }
  const stream = (type.split(".")[0] ?? "").toUpperCase();
  return {
    message: { subject: `${type}.o-1`, headers, body: Buffer.from("{}") },
    storedAt: { stream, sequence: 1, timeMs: startMs + afterMs },
  };
}

const messages = [
  stored("e3", "payments.captured", 1_500, { id: "e2", durable: "payments-capture", receivedAfterMs: 40, attempt: 2 }),
  stored("e1", "orders.placed", 0),
  stored("e2", "inventory.reserved", 30, { id: "e1", durable: "inventory-reserve", receivedAfterMs: 10 }),
  stored("e4", "notifications.sent", 60, { id: "e2", durable: "notifications-tell", receivedAfterMs: 50 }),
];

test("a journey is the tree of causes, with waits apart from work", () => {
  const journey = buildJourney("e1", messages);
  expect(journey.events.map(({ id }) => id)).toEqual(["e1", "e2", "e4", "e3"]);
  expect(journey.traceIds).toEqual(["0af7651916cd43dd8448eb211c80319c"]);
  const [root] = journey.roots;
  expect(root?.event).toMatchObject({ id: "e1", service: "orders", handling: undefined });
  expect(root?.effects[0]?.event.handling).toEqual({
    durable: "inventory-reserve",
    attempt: 1,
    waitMs: 10,
    workMs: 20,
  });
  expect(root?.effects[0]?.effects.map(({ event }) => event.id)).toEqual(["e4", "e3"]);
  expect(formatJourneyTree(journey)).toBe(
    [
      "orders.placed             orders         began the journey                ORDERS#1",
      "└─ inventory.reserved     inventory      waited 10 ms     worked 20 ms    INVENTORY#1",
      "   ├─ notifications.sent  notifications  waited 20 ms     worked 10 ms    NOTIFICATIONS#1",
      "   └─ payments.captured   payments       waited 10 ms     worked 1.46 s   attempt 2  PAYMENTS#1",
      "4 events in 1.50 s   longest path: waited 20 ms, worked 1.48 s",
      "trace 0af7651916cd43dd8448eb211c80319c",
    ].join("\n"),
  );
});

test("who is not done with an event stands below it, with the reason", () => {
  const journey = buildJourney("e1", messages.slice(1, 3));
  const [placed, reserved] = journey.events;
  const open = (durable: string, rest: Partial<DeliveryProgress> & Pick<DeliveryProgress, "state">) => ({
    durable,
    failures: 0,
    ...rest,
  });
  const events = [
    { ...(placed as JourneyEvent), deliveries: [open("inventory-reserve", { state: "handled" })] },
    {
      ...(reserved as JourneyEvent),
      deliveries: [
        open("audit-note", { state: "waiting" }),
        open("payments-capture", {
          state: "dead",
          failures: 8,
          error: { name: "TypeError", message: "no card" },
          deadLetter: { sequence: 7, reason: "attempts-exhausted", replays: 0 },
        }),
      ],
    },
  ];
  const [first, second] = events;
  const roots = [{ event: first as JourneyEvent, effects: [{ event: second as JourneyEvent, effects: [] }] }];
  const told = formatJourneyTree({ ...journey, events, roots }, { jaegerUrl: "http://127.0.0.1:16686" });
  expect(told.split("\n").slice(1)).toEqual([
    "└─ inventory.reserved  inventory  waited 10 ms     worked 20 ms    INVENTORY#1",
    "     · waits for audit-note",
    "     · is a dead letter of payments-capture (#7, attempts-exhausted), 8 failed attempts: TypeError: no card",
    "2 events in 30 ms   longest path: waited 10 ms, worked 20 ms",
    "trace http://127.0.0.1:16686/trace/0af7651916cd43dd8448eb211c80319c",
  ]);
  expect(formatJourneySequence({ ...journey, events }).split("\n")).toEqual([
    " +0 ms  orders     orders.placed       → inventory-reserve",
    "+30 ms  inventory  inventory.reserved  → audit-note (waiting), payments-capture (dead)",
  ]);
  expect(formatJourneyMermaid({ ...journey, events }).split("\n")).toEqual([
    "sequenceDiagram",
    "  participant orders as orders",
    "  participant inventory as inventory",
    "  orders->>orders: orders.placed",
    "  orders->>inventory: inventory.reserved (20 ms)",
    "  Note over inventory: audit-note is waiting",
    "  Note over inventory: payments-capture is dead: no card",
  ]);
});

/** As Jaeger gives it: a span with a parent, attributes and an error. */
function otlpSpan(spanId: string, parentSpanId: string, name: string, kind: number, more: object = {}) {
  const nanos = (afterMs: number) => `${startMs + afterMs}000000`;
  const { attributes = {}, fromMs = 10, toMs = 30, ...rest } = more as Record<string, never>;
  return {
    ...{ spanId, parentSpanId, name, kind, startTimeUnixNano: nanos(fromMs), endTimeUnixNano: nanos(toMs) },
    attributes: Object.entries(attributes).map(([key, value]) => ({
      key,
      value: typeof value === "number" ? { intValue: String(value) } : { stringValue: value },
    })),
    ...rest,
  };
}

test("spans add each attempt and what went on inside it, down to where the next event begins", () => {
  const attempt = (count: number) => ({
    "cloudevents.event_id": "e2",
    "messaging.consumer.group.name": "payments-capture",
    "messaging.nats.message.delivery_count": count,
  });
  const failed = { code: 2, message: "no answer\u001b[2J" };
  const spans = [
    otlpSpan("second", "sent", "process inventory.reserved", 5, { attributes: attempt(2), fromMs: 900, toMs: 1_500 }),
    otlpSpan("first", "sent", "process inventory.reserved", 5, { attributes: attempt(1), status: failed }),
    otlpSpan("call", "second", "POST /charges", 3, { fromMs: 910, toMs: 1_400 }),
    otlpSpan("query", "call", "SELECT", 3, { fromMs: 920, toMs: 921 }),
    otlpSpan("publish", "second", "send payments.captured", 4, { fromMs: 1_400 }),
    otlpSpan("next", "publish", "process payments.captured", 5, { fromMs: 1_410 }),
    otlpSpan("deep", "next", "not inside", 3),
    otlpSpan("ring", "ring", "its own parent", 3),
  ];
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "payments" } }] };
  const read = readOtlpSpans({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });
  const journey = addSpans(buildJourney("e1", messages), read);
  expect(journey.events.map(({ id, attempts }) => [id, attempts.length])).toContainEqual(["e2", 2]);
  expect(formatJourneyTree(journey).split("\n").slice(1, 6)).toEqual([
    "└─ inventory.reserved     inventory      waited 10 ms     worked 20 ms    INVENTORY#1",
    "   │ · payments-capture, attempt 1: 20 ms  failed: no answer [2J",
    "   │ · payments-capture, attempt 2: 600 ms",
    "   │     POST /charges  490 ms",
    "   │     SELECT  1 ms",
  ]);
});

test("what is no span adds nothing", () => {
  const shapes = [
    undefined,
    null,
    7,
    "x",
    [],
    {},
    { resourceSpans: [null, { scopeSpans: [{ spans: [null, 7, {}] }] }] },
  ];
  const journey = buildJourney("e1", messages);
  for (const shape of shapes) {
    expect(addSpans(journey, readOtlpSpans(shape)).events).toEqual(journey.events);
  }
});

test("the critical path is the chain that ends last, and nothing beside it", () => {
  const path = findCriticalPath(buildJourney("e1", messages));
  expect(path.events.map(({ id }) => id)).toEqual(["e1", "e2", "e3"]);
  expect(path).toMatchObject({ waitMs: 20, workMs: 1_480, totalMs: 1_500 });
});

test("durations keep two parts that count", () => {
  expect([999, 1_000, 59_900, 61_000, 3_660_000, 90_000_000].map(formatMs)).toEqual([
    "999 ms",
    "1.00 s",
    "59.9 s",
    "1 min 1 s",
    "1 h 1 min",
    "1 d 1 h",
  ]);
});

test("what is stored twice, belongs elsewhere or cannot be read is left out", () => {
  const unreadable = {
    message: { subject: "x", headers: new Map(), body: Buffer.from("") },
    storedAt: { stream: "X", sequence: 1, timeMs: 0 },
  };
  const journey = buildJourney("e1", [...messages, ...messages, unreadable]);
  expect(journey.events).toHaveLength(4);
  expect(buildJourney("other", messages).events).toEqual([]);
});

test("a missing or circular cause still leaves every event in the tree", () => {
  const ring = [
    stored("a", "orders.placed", 0, { id: "b", durable: "x", receivedAfterMs: 0 }),
    stored("b", "orders.confirmed", 1, { id: "a", durable: "x", receivedAfterMs: 0 }),
    stored("c", "orders.shipped", 2, { id: "gone", durable: "x", receivedAfterMs: 1 }),
  ];
  const journey = buildJourney("e1", ring);
  expect(journey.roots.map(({ event }) => event.id)).toEqual(["c", "a"]);
  expect(journey.roots[1]?.effects.map(({ event }) => event.id)).toEqual(["b"]);
  expect(journey.roots[0]?.event.handling?.waitMs).toBeUndefined();
});
