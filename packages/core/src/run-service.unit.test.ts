import { defineEvent, parseTraceparent, type WireHeaders } from "@throughline/contracts";
import { eventually } from "@throughline/testing";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { createMemoryTransport } from "./memory/memory-transport.ts";
import { PermanentError } from "./policies/failure-kind.ts";
import type { PublishOptions } from "./publishing/publish-options.ts";
import { run } from "./run-service.ts";
import { defineService, type SubscriptionOptions } from "./service.ts";
import { silentLogger } from "./telemetry/logger.ts";

const key = (order: { id: string }) => order.id;
const Placed = defineEvent("orders.placed", { key, schedulable: true }).version(
  1,
  z.object({ id: z.string(), n: z.number().default(0) }),
);
const Paid = defineEvent("payments.paid", { key }).version(1, z.object({ id: z.string() }));

const quick = { retry: { attempts: 3, initialDelayMs: 1, maxDelayMs: 2 } };

async function setUp(
  options: SubscriptionOptions,
  handler: (data: { id: string; n: number }, attempt: number, signal: () => AbortSignal) => unknown,
) {
  const transport = createMemoryTransport();
  const shop = defineService("shop", { publishes: [Placed] });
  const payments = defineService("payments", { publishes: [Paid] });
  payments.on(Placed, { name: "pay", policy: quick, ...options }, async (order, context) => {
    await handler(order, context.attempt, () => context.signal);
    await context.publish(Paid, { id: order.id });
  });
  const settings = { transport, logger: silentLogger, signals: false };
  const runningPayments = await run(payments, settings);
  const runningShop = await run(shop, settings);
  return { transport, shop: runningShop, payments: runningPayments };
}

const reasonOf = (letter: { headers: WireHeaders } | undefined) => letter?.headers.get("throughline-dead-reason");

describe("a running service", () => {
  test("handles what is published and keeps correlation, causation and trace", async () => {
    const { transport, shop } = await setUp({}, () => undefined);
    const placed = await shop.publish(Placed, { id: "1" });
    const [paid] = await eventually(() => transport.stored("PAYMENTS").length > 0 && transport.stored("PAYMENTS"));
    expect(paid?.headers.get("ce-correlationid")).toBe(placed.id);
    expect(paid?.headers.get("ce-causationid")).toBe(placed.id);
    expect(paid?.headers.get("ce-source")).toBe("/payments");
    expect(paid?.headers.get("throughline-handling")).toMatch(/^payments-pay;attempt=1;received=\d+$/);
    const trace = parseTraceparent(placed.traceparent);
    expect(trace).toBeDefined();
    expect(parseTraceparent(paid?.headers.get("traceparent"))?.traceId).toBe(trace?.traceId);
  });

  test("publishes what follows from an earlier event into that one's journey, in a trace of its own", async () => {
    const { transport, shop, payments } = await setUp({}, () => undefined);
    const placed = await shop.publish(Placed, { id: "1" });
    await eventually(() => transport.stored("PAYMENTS").length === 1);
    const late = await payments.publish(Paid, { id: "1" }, { causedBy: placed });
    expect(late).toMatchObject({ correlationId: placed.id, causationId: placed.id });
    const stored = transport.stored("PAYMENTS")[1];
    expect(stored?.headers.get("ce-causationid")).toBe(placed.id);
    expect(stored?.headers.has("throughline-handling")).toBe(false);
    expect(parseTraceparent(late.traceparent)?.traceId).not.toBe(parseTraceparent(placed.traceparent)?.traceId);
  });

  test("notes the other keys under which a journey goes on, and only those", async () => {
    const transport = createMemoryTransport();
    const settings = { transport, logger: silentLogger, signals: false };
    const shop = await run(defineService("shop", { publishes: [Placed] }), settings);
    const payments = defineService("payments", { publishes: [Paid] });
    payments.on(Placed, async ({ id }, context) => {
      await context.publish(Paid, { id });
      await context.publish(Paid, { id: `bill of ${id}` });
    });
    await run(payments, settings);
    const placed = await shop.publish(Placed, { id: "1" });
    await eventually(() => transport.stored("PAYMENTS").length === 2);
    expect(transport.stored("JOURNEYS").map(({ subject }) => subject)).toEqual([
      `journeys.${placed.id}.payments.bill%20of%201`,
    ]);
  });

  test("tries again after a failure, and repeats the ids of what it published", async () => {
    const ids: string[] = [];
    const transport = createMemoryTransport();
    const service = defineService("payments", { publishes: [Placed, Paid] });
    service.on(Placed, { policy: quick }, async (order, context) => {
      ids.push((await context.publish(Paid, { id: order.id })).id);
      if (context.attempt < 3) {
        throw new Error("not yet");
      }
    });
    const running = await run(service, { transport, logger: silentLogger, signals: false });
    await running.publish(Placed, { id: "1" });
    await eventually(() => ids.length === 3);
    expect(new Set(ids).size).toBe(1);
    expect(transport.stored("PAYMENTS")).toHaveLength(1);
    expect(transport.stored("DEAD_LETTERS")).toHaveLength(0);
  });

  test("keeps an event as a dead letter after its last attempt", async () => {
    const attempts: number[] = [];
    const { transport, shop } = await setUp({}, (_order, attempt) => {
      attempts.push(attempt);
      throw new TypeError("broken");
    });
    await shop.publish(Placed, { id: "a.b" });
    const letter = await eventually(() => transport.stored("DEAD_LETTERS")[0]);
    expect(attempts).toEqual([1, 2, 3]);
    expect(letter.subject).toBe("dead.payments.pay.orders.placed.a%2Eb");
    expect(Object.fromEntries(letter.headers)).toMatchObject({
      "throughline-dead-reason": "attempts-exhausted",
      "throughline-dead-error-name": "TypeError",
      "throughline-dead-error-message": "broken",
      "throughline-dead-attempts": "3",
      "throughline-dead-stream": "ORDERS",
      "throughline-dead-sequence": "1",
      "ce-type": "orders.placed",
    });
    expect(new TextDecoder().decode(letter.body)).toBe('{"id":"a.b"}');
  });

  test("tries no further when the handler says that nothing will help", async () => {
    const handler = vi.fn(() => {
      throw new PermanentError("no such customer");
    });
    const { transport, shop } = await setUp({}, handler);
    await shop.publish(Placed, { id: "1" });
    const letter = await eventually(() => transport.stored("DEAD_LETTERS")[0]);
    expect(reasonOf(letter)).toBe("permanent-failure");
    expect(handler).toHaveBeenCalledTimes(1);
  });

  test("drops after the last attempt where the policy says so", async () => {
    const handler = vi.fn(() => {
      throw new Error("mail server down");
    });
    const { transport, shop } = await setUp({ policy: { ...quick, onExhausted: "drop" } }, handler);
    await shop.publish(Placed, { id: "1" });
    await eventually(() => handler.mock.calls.length === 3);
    expect(transport.stored("DEAD_LETTERS")).toHaveLength(0);
  });

  test("ends an attempt that takes too long, and tells the handler through its signal", async () => {
    const aborted: unknown[] = [];
    const { transport, shop } = await setUp(
      { policy: { timeoutMs: 40, retry: { ...quick.retry, attempts: 2 } } },
      (_order, _attempt, signal) =>
        new Promise((_resolve, reject) => {
          signal().addEventListener("abort", () => {
            aborted.push(signal().reason.code);
            reject(new Error("aborted"));
          });
        }),
    );
    await shop.publish(Placed, { id: "1" });
    const letter = await eventually(() => transport.stored("DEAD_LETTERS")[0]);
    expect(letter.headers.get("throughline-dead-error-name")).toBe("BUS_HANDLER_TIMEOUT");
    expect(aborted).toEqual(["BUS_HANDLER_TIMEOUT", "BUS_HANDLER_TIMEOUT"]);
  });

  test('with order "key", a failing event holds its key and no other', async () => {
    const handled: string[] = [];
    const { shop } = await setUp(
      { order: "key", concurrency: 2, policy: { retry: { attempts: 3, initialDelayMs: 60, maxDelayMs: 60 } } },
      ({ id, n }, attempt) => {
        if (id === "a" && n === 1 && attempt < 3) {
          throw new Error("not yet");
        }
        handled.push(`${id}${n}`);
      },
    );
    for (const n of [1, 2, 3]) {
      await shop.publish(Placed, { id: "a", n });
      await shop.publish(Placed, { id: "b", n });
    }
    await eventually(() => handled.length === 6);
    expect(handled.filter((name) => name.startsWith("a"))).toEqual(["a1", "a2", "a3"]);
    expect(handled.slice(0, 3)).toEqual(["b1", "b2", "b3"]);
  });

  test("sends what it cannot read to the dead letters at once, with the reason", async () => {
    const handler = vi.fn();
    const { transport } = await setUp({}, handler);
    const outside = await transport.connect({ service: "outside", logger: silentLogger });
    const body = (text: string) => new TextEncoder().encode(text);
    const send = (messageId: string, headers: Record<string, string>, text: string) =>
      outside.publish({
        subject: `orders.placed.${messageId}`,
        headers: new Map(Object.entries(headers)),
        body: body(text),
        messageId,
      });
    await send("bytes", {}, "\u0000\u0001");
    await send("schema", { "ce-dataversion": "1" }, '{"id":7}');
    await send("header", { "ce-time": "now", "nats-rollup": "all" }, '{"id":"7"}');
    await send("fine", {}, '{"id":"fine"}');
    await eventually(() => transport.stored("DEAD_LETTERS").length === 3 && handler.mock.calls.length === 1);
    const codes = transport.stored("DEAD_LETTERS").map(({ headers }) => headers.get("throughline-dead-error-name"));
    expect(codes).toEqual(["CONTRACT_BODY_INVALID", "CONTRACT_DATA_INVALID", "CONTRACT_ENVELOPE_INVALID"]);
    const hostile = transport.stored("DEAD_LETTERS")[2];
    expect(hostile?.headers.has("nats-rollup")).toBe(false);
    expect(hostile?.headers.get("throughline-origin-nats-rollup")).toBe("all");
  });

  test("publishes declared events only", async () => {
    const { shop } = await setUp({}, () => undefined);
    // @ts-expect-error Paid is not declared
    await expect(shop.publish(Paid, { id: "1" })).rejects.toMatchObject({ code: "BUS_EVENT_UNDECLARED" });
    // @ts-expect-error Paid is not declared
    await expect(shop.publishAll([[Paid, { id: "1" }]])).rejects.toMatchObject({ code: "BUS_BATCH_INCOMPLETE" });
    // @ts-expect-error an id is a string
    await expect(shop.publishAll([[Placed, { id: 1 }]])).rejects.toMatchObject({ code: "BUS_BATCH_INCOMPLETE" });
    expect(await shop.publishAll(["1", "2"].map((id) => [Placed, { id }] as const))).toHaveLength(2);
    // @ts-expect-error an id is a string
    await expect(shop.publish(Placed, { id: 1 })).rejects.toMatchObject({ code: "CONTRACT_DATA_INVALID" });
  });

  test("waits for running handlers when it stops, and publishes nothing afterwards", async () => {
    const { promise: handling, resolve: started } = Promise.withResolvers<void>();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const { transport, shop, payments } = await setUp({}, async () => {
      started();
      await gate;
    });
    await shop.publish(Placed, { id: "1" });
    await handling;
    const stopping = payments.stop();
    expect(payments.health().status).toBe("draining");
    open();
    await stopping;
    expect(transport.stored("PAYMENTS")).toHaveLength(1);
    expect(payments.health().status).toBe("stopped");
    await expect(payments.publish(Paid, { id: "2" })).rejects.toMatchObject({ code: "BUS_STOPPED" });
  });
});

test("a service that uses two declarations of one event is refused where it is declared", () => {
  const other = defineEvent("orders.placed", { key }).version(1, z.object({ id: z.string() }));
  const twice = expect.objectContaining({
    code: "BUS_SERVICE_INVALID",
    message: expect.stringContaining("orders.placed"),
  });
  expect(() => defineService("shop", { publishes: [Placed, other] })).toThrowError(twice);
  expect(() => defineService("shop", { publishes: [Placed] }).on(other, () => undefined)).toThrowError(twice);
  expect(() => defineService("shop", { publishes: [Placed] }).on(Placed, () => undefined)).not.toThrow();
});

describe("the options of publish", () => {
  const invalid = { code: "BUS_PUBLISH_INVALID" };

  test("are checked before anything is sent", async () => {
    const { transport, shop } = await setUp({}, () => undefined);
    const publish = (options: PublishOptions) => shop.publish(Placed, { id: "1" }, options);
    await expect(publish({ id: "two words" })).rejects.toMatchObject(invalid);
    await expect(publish({ id: "" })).rejects.toMatchObject(invalid);
    await expect(publish({ headers: { "bad name": "x" } })).rejects.toMatchObject(invalid);
    await expect(publish({ headers: { note: "x".repeat(5_000) } })).rejects.toMatchObject(invalid);
    await expect(publish({ headers: { TraceState: "a=b" } })).rejects.toMatchObject({ code: "BUS_HEADER_RESERVED" });
    await expect(publish({ schedule: { at: new Date(Number.NaN) } })).rejects.toMatchObject(invalid);
    await expect(publish({ schedule: { afterMs: -1 } })).rejects.toMatchObject(invalid);
    await expect(publish({ schedule: { cron: "* *\r\n", name: "tick" } })).rejects.toMatchObject(invalid);
    await expect(publish({ schedule: { cron: "* * * * * *", name: "" } })).rejects.toMatchObject(invalid);
    expect(transport.stored("ORDERS")).toHaveLength(0);
  });

  test("allow a schedule only where the event is declared schedulable", async () => {
    const service = defineService("shop", { publishes: [Paid] });
    const shop = await run(service, { transport: createMemoryTransport(), logger: silentLogger, signals: false });
    await expect(shop.publish(Paid, { id: "1" }, { schedule: { afterMs: 1 } })).rejects.toMatchObject({
      ...invalid,
      remedy: expect.stringContaining("schedulable: true"),
    });
  });

  test("an atomic batch keeps to one context, without schedules, up to 1,000 events", async () => {
    const transport = createMemoryTransport();
    const service = defineService("shop", { publishes: [Placed, Paid] });
    const shop = await run(service, { transport, logger: silentLogger, signals: false });
    const atomic = { atomic: true };
    const mixed = shop.publishAll(
      [
        [Placed, { id: "1" }],
        [Paid, { id: "1" }],
      ],
      atomic,
    );
    await expect(mixed).rejects.toMatchObject(invalid);
    const later = shop.publishAll([[Placed, { id: "1" }, { schedule: { afterMs: 1 } }]], atomic);
    await expect(later).rejects.toMatchObject(invalid);
    const many = Array.from({ length: 1_001 }, (_, n) => [Placed, { id: `${n}` }] as const);
    await expect(shop.publishAll(many, atomic)).rejects.toMatchObject(invalid);
    expect(await shop.publishAll([], atomic)).toEqual([]);
    expect(transport.stored("ORDERS")).toHaveLength(0);
  });
});

describe("defineService", () => {
  test("refuses names that are not kebab-case, duplicates and mixed contexts", () => {
    const invalid = expect.objectContaining({ code: "BUS_SERVICE_INVALID" });
    expect(() => defineService("My Service")).toThrowError(invalid);
    const service = defineService("payments").on(Placed, () => undefined);
    expect(() => service.on(Placed, () => undefined)).toThrowError(invalid);
    expect(() => service.on([Placed, Paid], { name: "both" }, () => undefined)).toThrowError(invalid);
    expect(() => service.on(Placed, { name: "none", concurrency: 0 }, () => undefined)).toThrowError(invalid);
  });
});
