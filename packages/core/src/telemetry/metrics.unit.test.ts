// What a metrics SDK really gets, and what spans tell of a circuit.

import { metrics, trace } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { defineEvent } from "@throughline/contracts";
import { eventually } from "@throughline/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createMemoryTransport } from "../memory/memory-transport.ts";
import { ExpectedError, PermanentError } from "../policies/failure-kind.ts";
import { run } from "../run-service.ts";
import { defineService } from "../service.ts";
import { silentLogger } from "./logger.ts";
import { ProcessMetrics } from "./operation-metrics.ts";
import { metricNames, spanEventNames } from "./telemetry-names.ts";

const Made = defineEvent("items.made", { key: (item: { key: string }) => item.key }).version(
  1,
  z.object({ key: z.string() }),
);
const measured = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const reader = new PeriodicExportingMetricReader({ exporter: measured, exportIntervalMillis: 3_600_000 });
const spans = new InMemorySpanExporter();

beforeAll(() => {
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));
});
afterAll(() => {
  metrics.disable();
  trace.disable();
});

/** The newest value of each series of a metric. */
async function valuesOf(name: string): Promise<{ value: unknown; attributes: object }[]> {
  await reader.forceFlush();
  const scopes = measured.getMetrics().at(-1)?.scopeMetrics ?? [];
  const metric = scopes.flatMap((scope) => scope.metrics).find(({ descriptor }) => descriptor.name === name);
  return (metric?.dataPoints ?? []).map(({ value, attributes }) => ({ value, attributes }));
}

test("retries, dead letters, drops and expected ends are counted, and the circuit's state is told", async () => {
  const transport = createMemoryTransport();
  const settings = { transport, logger: silentLogger, signals: false };
  let isDown = true;
  const quick = { attempts: 2, initialDelayMs: 1, maxDelayMs: 1 };
  const service = defineService("reader")
    .on(Made, { name: "letters", policy: { retry: quick } }, ({ key }) => {
      throw key === "expected" ? new ExpectedError("done before") : new PermanentError("never");
    })
    .on(Made, { name: "drops", policy: { retry: quick, onExhausted: "drop" } }, () => {
      throw new TypeError("broken");
    })
    .on(Made, { name: "circuit", policy: { breaker: { failures: 0, halfOpenAfterMs: 50 } } }, () => {
      if (isDown) {
        throw new RangeError("down");
      }
    });
  await using _running = await run(service, settings);
  await using writer = await run(defineService("writer", { publishes: [Made] }), settings);
  await writer.publish(Made, { key: "a" });
  await writer.publish(Made, { key: "expected" });
  const seriesOf = async (name: string, durable: string) =>
    (await valuesOf(name)).filter(({ attributes }) => JSON.stringify(attributes).includes(durable));

  await eventually(async () => (await seriesOf(metricNames.drops, "reader-drops"))[0]?.value === 2);
  expect(await seriesOf(metricNames.retries, "reader-drops")).toEqual([
    { value: 2, attributes: { "messaging.consumer.group.name": "reader-drops", "error.type": "TypeError" } },
  ]);
  expect(await seriesOf(metricNames.deadLetters, "reader-letters")).toMatchObject([
    { value: 1, attributes: { "throughline.dead_letter.reason": "permanent-failure" } },
  ]);
  expect(await seriesOf(metricNames.expected, "reader-letters")).toMatchObject([
    { value: 1, attributes: { "error.type": "ExpectedError" } },
  ]);
  const stateOf = async () => (await seriesOf(metricNames.circuitState, "reader-circuit"))[0]?.value;
  await eventually(async () => (await stateOf()) === 2);
  const events = () => spans.getFinishedSpans().flatMap((span) => span.events.map(({ name }) => name));
  expect(events()).toContain(spanEventNames.circuitOpened);
  isDown = false;
  await eventually(async () => (await stateOf()) === 0);
});

test("what waits, what is under way and what comes again is told, for each partition apart", async () => {
  const transport = createMemoryTransport();
  const settings = { transport, logger: silentLogger, signals: false };
  const { promise: isOpen, resolve: open } = Promise.withResolvers<void>();
  const wait = async () => {
    await isOpen;
  };
  const service = defineService("backlog")
    .on(Made, { name: "narrow", order: "none", policy: { timeoutMs: 500, retry: { attempts: 9 } } }, wait)
    .on(Made, { name: "spread", order: "key", partitions: 2 }, wait);
  await using _running = await run(service, settings);
  await using writer = await run(defineService("writer", { publishes: [Made] }), settings);
  await Promise.all(Array.from({ length: 100 }, (_, n) => writer.publish(Made, { key: `k${n}` })));
  const seriesOf = async (name: string, durable: string) =>
    (await valuesOf(name)).filter(({ attributes }) => JSON.stringify(attributes).includes(durable));

  const sumOf = async (name: string, durable: string) =>
    (await seriesOf(name, durable)).reduce((sum, { value }) => sum + Number(value), 0);
  for (const durable of ["backlog-narrow", "backlog-spread"]) {
    await eventually(async () => (await sumOf(metricNames.pendingAcks, durable)) > 0);
    const [lag, pendingAcks] = [await sumOf(metricNames.lag, durable), await sumOf(metricNames.pendingAcks, durable)];
    expect(lag + pendingAcks).toBe(100);
  }
  const partitions = (await seriesOf(metricNames.pendingAcks, "backlog-spread")).map(
    ({ attributes }) => (attributes as Record<string, string>)["messaging.destination.partition.id"],
  );
  expect(partitions.toSorted()).toEqual(["0", "1"]);
  await eventually(async () => (await sumOf(metricNames.redeliveries, "backlog-narrow")) > 0);
  open();
  await eventually(async () => (await sumOf(metricNames.pendingAcks, "backlog-narrow")) === 0);
});

test("whoever does the same in one process counts together; failures count apart, and what is invented without end as one", async () => {
  const peer = { system: "memory", version: "1" } as const;
  const [one, other] = [new ProcessMetrics(peer, "shop-count"), new ProcessMetrics(peer, "shop-count")];
  one.processed("items.made", 5);
  other.processed("items.made", 7);
  other.processed("items.made", 7, "TypeError");
  const countsOf = async (durable: string) => {
    const series = (await valuesOf(metricNames.consumed)) as { value: number; attributes: Record<string, string> }[];
    const ofDurable = series.filter(({ attributes }) => attributes["messaging.consumer.group.name"] === durable);
    return ofDurable.map(({ value, attributes }) => [attributes["error.type"], value]);
  };
  expect(await countsOf("shop-count")).toEqual([
    [undefined, 2],
    ["TypeError", 1],
  ]);
  expect((await valuesOf(metricNames.processDuration)).length).toBeGreaterThan(1);
  const inventive = new ProcessMetrics(peer, "shop-inventive");
  for (let number = 0; number < 3_000; number++) {
    inventive.processed("items.made", 1, `Error${number}`);
  }
  const all = (await valuesOf(metricNames.consumed)) as { value: number; attributes: Record<string, unknown> }[];
  const overflow = all.find(({ attributes }) => attributes["otel.metric.overflow"] === true);
  expect(overflow?.value).toBeGreaterThan(1_900);
  const counted = all.reduce((sum, { value }) => sum + value, 0);
  expect(counted).toBeGreaterThanOrEqual(3_003);
});

test("an atomic batch is one operation and several messages", async () => {
  const settings = { transport: createMemoryTransport(), logger: silentLogger, signals: false };
  const Batched = defineEvent("batches.made", { key: (item: { key: string }) => item.key }).version(
    1,
    z.object({ key: z.string() }),
  );
  await using writer = await run(defineService("writer", { publishes: [Batched] }), settings);
  await writer.publishAll(
    ["a", "b", "c"].map((key) => [Batched, { key }] as const),
    { atomic: true },
  );
  const ofBatch = async (name: string) =>
    (await valuesOf(name)).filter(({ attributes }) => JSON.stringify(attributes).includes("batches.made"));
  expect(await ofBatch(metricNames.sent)).toMatchObject([{ value: 3 }]);
  expect(await ofBatch(metricNames.sendDuration)).toMatchObject([{ value: { count: 1 } }]);
});
