import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { defineEvent } from "@throughline/contracts";
import { eventually } from "@throughline/testing";
import { afterEach, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createMemoryTransport } from "../memory/memory-transport.ts";
import { run } from "../run-service.ts";
import { defineService } from "../service.ts";
import { silentLogger } from "./logger.ts";

const exporter = new InMemorySpanExporter();
const Placed = defineEvent("orders.placed", { key: (order: { id: string }) => order.id, schedulable: true }).version(
  1,
  z.object({ id: z.string() }),
);

beforeAll(() => {
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterEach(() => exporter.reset());

async function publishTo(handler: (attempt: number) => unknown, attempts: number) {
  const policy = { retry: { attempts, initialDelayMs: 1, maxDelayMs: 1 } };
  const service = defineService("shop", { publishes: [Placed] }).on(Placed, { policy }, (_order, { attempt }) =>
    handler(attempt),
  );
  const running = await run(service, { transport: createMemoryTransport(), logger: silentLogger, signals: false });
  await running.publish(Placed, { id: "1" });
  return running;
}

const finished = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);

test("each attempt is a span below the publication, with its error, its retry and its dead letter", async () => {
  await using _running = await publishTo((attempt) => {
    throw attempt === 1 ? new TypeError("broken") : new RangeError("still broken");
  }, 2);
  const attempts = await eventually(
    () => finished("process orders.placed").length === 2 && finished("process orders.placed"),
  );
  const [send] = finished("send orders.placed");
  expect(send?.kind).toBe(SpanKind.PRODUCER);
  for (const [index, span] of attempts.entries()) {
    expect(span.kind).toBe(SpanKind.CONSUMER);
    expect(span.parentSpanContext?.spanId).toBe(send?.spanContext().spanId);
    expect(span.links[0]?.context.spanId).toBe(send?.spanContext().spanId);
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
    expect(span.attributes).toMatchObject({
      "messaging.nats.message.delivery_count": index + 1,
      "messaging.consumer.group.name": "shop-placed",
      "error.type": index === 0 ? "TypeError" : "RangeError",
    });
  }
  expect(attempts.map(({ events }) => events.map(({ name }) => name))).toEqual([
    ["exception", "throughline.retry_scheduled"],
    ["exception", "throughline.dead_lettered"],
  ]);
});

test("spans that a handler starts are children of its attempt", async () => {
  await using _running = await publishTo(async () => {
    await Promise.resolve();
    trace.getTracer("test").startSpan("charge").end();
  }, 1);
  const [process] = await eventually(
    () => finished("process orders.placed").length === 1 && finished("process orders.placed"),
  );
  expect(finished("charge")[0]?.parentSpanContext?.spanId).toBe(process?.spanContext().spanId);
});

test("a publication that is refused ends as a failed span", async () => {
  await using running = await publishTo(() => undefined, 1);
  await expect(running.publish(Placed, { id: 7 } as unknown as { id: string })).rejects.toThrow();
  expect(finished("send orders.placed")[1]).toMatchObject({
    status: { code: SpanStatusCode.ERROR },
    attributes: { "error.type": "CONTRACT_DATA_INVALID" },
  });
});

test("what was scheduled is handled in a trace of its own, linked to the one that scheduled it", async () => {
  await using running = await publishTo(() => undefined, 1);
  await eventually(() => finished("process orders.placed").length === 1);
  await running.publish(Placed, { id: "2" }, { schedule: { afterMs: 5 } });
  await eventually(() => finished("process orders.placed").length === 2);
  const [, send] = finished("send orders.placed");
  const [, process] = finished("process orders.placed");
  expect(process?.parentSpanContext).toBeUndefined();
  expect(process?.spanContext().traceId).not.toBe(send?.spanContext().traceId);
  expect(process?.links[0]?.context.spanId).toBe(send?.spanContext().spanId);
});

test("an atomic batch is one CLIENT span, linked to a span for each event", async () => {
  await using running = await publishTo(() => undefined, 1);
  await running.publishAll(
    [2, 3].map((id) => [Placed, { id: `${id}` }] as const),
    { atomic: true },
  );
  const [batch] = finished("send orders");
  const created = finished("create orders.placed");
  expect(created.map(({ attributes }) => attributes["messaging.operation.type"])).toEqual(["create", "create"]);
  expect(batch?.kind).toBe(SpanKind.CLIENT);
  expect(batch?.attributes["messaging.batch.message_count"]).toBe(2);
  expect(batch?.links.map(({ context: { spanId } }) => spanId)).toEqual(
    created.map((span) => span.spanContext().spanId),
  );
  expect(created.map(({ kind }) => kind)).toEqual([SpanKind.PRODUCER, SpanKind.PRODUCER]);
  const handled = await eventually(
    () => finished("process orders.placed").length === 3 && finished("process orders.placed"),
  );
  expect(handled[1]?.parentSpanContext?.spanId).toBe(created[0]?.spanContext().spanId);
});
