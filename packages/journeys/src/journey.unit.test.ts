import { type StoredWireMessage, writeEventHeaders } from "@throughline/contracts";
import { expect, test } from "vitest";
import { buildJourney } from "./journey.ts";
import { formatJourneyTree } from "./journey-tree.ts";

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
      "trace 0af7651916cd43dd8448eb211c80319c   4 events in 1.50 s",
    ].join("\n"),
  );
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
