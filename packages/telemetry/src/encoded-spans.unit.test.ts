// Held against OpenTelemetry's own serializer: the same bytes for spans of every kind.

import {
  type Attributes,
  type AttributeValue,
  createTraceState,
  type Link,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import { defaultResource, type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  type ReadableSpan,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { SeededRandom } from "@throughline/testing";
import { describe, expect, test } from "vitest";
import { EncodedSpans } from "./encoded-spans.ts";

const texts = ["", "nats", "orders.placed", "a".repeat(127), "b".repeat(128), "c".repeat(201), "d".repeat(70_000)];
const otherTexts = ["grün", "注文".repeat(30), "🛒", "\u0000\u007f\u0080", "\ud800 alone", "ü".repeat(300)];
const numbers = [0, -0, 1, 127, 128, 300, 65_535, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, 2 ** 62, 2 ** 63, 2 ** 64];
const otherNumbers = [-1, -128, -(2 ** 31), -(2 ** 53), -(2 ** 63), -(2 ** 64), 0.1, -2.5, 1e300, Number.NaN, Infinity];
const lists: AttributeValue[] = [["a", "ü", null], [1, 2.5, undefined], [true, false], []];
const values: AttributeValue[] = [...texts, ...otherTexts, ...numbers, ...otherNumbers, true, false, ...lists];

function collectSpans(resource: Resource): { provider: BasicTracerProvider; spans: ReadableSpan[] } {
  const spans: ReadableSpan[] = [];
  const collector: SpanProcessor = {
    onStart: () => undefined,
    onEnd: (span) => spans.push(span),
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
  return {
    provider: new BasicTracerProvider({ resource, sampler: new AlwaysOnSampler(), spanProcessors: [collector] }),
    spans,
  };
}

/** Spans of two scopes with whatever spans can have, in the order of their ends. */
function makeSpans(seed: number, count: number, described: Attributes = { "service.name": "shop" }): ReadableSpan[] {
  const random = new SeededRandom(seed);
  const pick = <Value>(among: readonly Value[]): Value => among[random.between(0, among.length - 1)] as Value;
  const { provider, spans } = collectSpans(
    resourceFromAttributes(described, random.chance(0.5) ? { schemaUrl: "https://schema" } : {}),
  );
  const tracers = [provider.getTracer("first"), provider.getTracer("second", "1.2.3", { schemaUrl: "https://schema" })];
  const someAttributes = (): Attributes =>
    Object.fromEntries(
      Array.from({ length: random.between(0, 23) }, (_, at) => [pick([`key.${at}`, `schlüssel.${at}`]), pick(values)]),
    );
  const someContext = (): SpanContext => ({
    traceId: pick(["0af7651916cd43dd8448eb211c80319c", "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"]),
    spanId: pick(["b7ad6b7169203331", "0000000000000001"]),
    traceFlags: pick([0, 1]),
    ...(random.chance(0.5) ? { isRemote: random.chance(0.5) } : {}),
    ...(random.chance(0.5) ? { traceState: createTraceState("congo=t61,rojo=00f067") } : {}),
  });
  const someLink = (): Link => ({ context: someContext(), attributes: someAttributes() });
  for (let at = 0; at < count; at++) {
    const parent = random.chance(0.5) ? trace.setSpanContext(ROOT_CONTEXT, someContext()) : ROOT_CONTEXT;
    const kind = pick([SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER]);
    const links = Array.from({ length: random.between(0, 2) }, someLink);
    const startTime = pick([new Date(), [1_790_000_000, 999_999_999], [0, 1], [2 ** 32 + 7, 5]] as const);
    const span = pick(tracers).startSpan(
      pick([...texts, ...otherTexts]),
      { kind, links, startTime: startTime as Date, attributes: someAttributes() },
      parent,
    );
    if (random.chance(0.3)) {
      span.recordException(new Error(pick(otherTexts)));
      span.addEvent("late", someAttributes(), [1_790_000_001, 3]);
      span.setStatus({ code: SpanStatusCode.ERROR, message: pick([...texts, ...otherTexts]) });
    }
    span.end([2 ** 32 + 9, 1]);
  }
  return spans;
}

function expectSameBytes(spans: ReadableSpan[]): void {
  const encoded = new EncodedSpans();
  for (const span of spans) {
    encoded.add(span);
  }
  expect(encoded.size).toBe(spans.length);
  const expected = Buffer.from(ProtobufTraceSerializer.serializeRequest(spans) ?? []);
  // Not `toEqual`, which would print a megabyte.
  expect(Buffer.compare(encoded.finish(), expected)).toBe(0);
}

describe("the bytes of spans are those of OpenTelemetry's serializer", () => {
  test.each(Array.from({ length: 40 }, (_, seed) => seed))("seed %i", (seed) => {
    expectSameBytes(makeSpans(seed, 30));
  });

  test("of those around one that cannot be written", () => {
    const spans = makeSpans(103, 9);
    const broken = Object.create(spans[4] as ReadableSpan, { events: { value: [{ name: undefined, time: [0, 0] }] } });
    const encoded = new EncodedSpans();
    for (const span of spans.slice(0, 5)) {
      encoded.add(span);
    }
    expect(() => encoded.add(broken)).toThrow(TypeError);
    for (const span of spans.slice(5)) {
      encoded.add(span);
    }
    expect(encoded.size).toBe(spans.length);
    expect(Buffer.compare(encoded.finish(), ProtobufTraceSerializer.serializeRequest(spans) as Uint8Array)).toBe(0);
  });

  test("of none", () => {
    expectSameBytes([]);
  });

  test("of values that come again and of more than are remembered", () => {
    const { provider, spans } = collectSpans(defaultResource());
    const tracer = provider.getTracer("test");
    for (let at = 0; at < 400; at++) {
      const attributes = {
        id: `id-${at}`,
        kind: `kind-${at % 3}`,
        even: at % 2 === 0,
        part: at % 3,
        [`key-${at}`]: "own",
      };
      tracer.startSpan("same", { attributes }).end();
    }
    expectSameBytes(spans);
    expectSameBytes(spans);
  });
});
