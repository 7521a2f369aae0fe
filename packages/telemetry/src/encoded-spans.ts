// Spans as the protobuf of OTLP, written one by one as they end. OpenTelemetry's serializer walks each string twice and takes
// 8 to 17 µs for a span of ours; this one writes the same bytes in 2 to 3.
// @see https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto

import type { Attributes, AttributeValue, HrTime, Link, SpanContext } from "@opentelemetry/api";
import type { InstrumentationScope } from "@opentelemetry/core";
import type { Resource } from "@opentelemetry/resources";
import type { ReadableSpan, TimedEvent } from "@opentelemetry/sdk-trace-base";
import { AttributeCache } from "./attribute-cache.ts";
import { ProtobufWriter } from "./protobuf-writer.ts";

/** Room for what stands around the spans. */
const framing = 4 * 1_024;
const largestRoom = 4 * 1_024 * 1_024;
const nanosecondsPerSecond = 1_000_000_000;
const [bits16, bits32] = [2 ** 16, 2 ** 32];
/** In the flags of a context, above those of W3C: it is known whether the context is remote; it is. */
const [remoteKnown, remote] = [0x100, 0x200];

/** Fields of a KeyValue, and of an AnyValue. */
const [keyField, valueField, textField] = [1, 2, 1];
/** Of nearly every span: 128 to 16,383 bytes. */
const spanLengthBytes = 2;

const cache = new AttributeCache({
  writeKey: (key) => bytesOf((writer) => writer.writeString(keyField, key)),
  writeAttribute: (key, value) => bytesOf((writer) => writeAttribute(writer, key, value)),
});

function bytesOf(write: (writer: ProtobufWriter) => void): Uint8Array {
  const writer = new ProtobufWriter();
  write(writer);
  return writer.finish().slice();
}

/** An ExportTraceServiceRequest in the making; its spans are of one resource. */
export class EncodedSpans {
  /** Batches are much alike: the next one is given the room that the last one took. */
  static #usualRoom = 0;
  /** The spans of each scope, as they stand in its ScopeSpans. */
  readonly #scopes = new Map<InstrumentationScope, ProtobufWriter>();
  #resource: Resource | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @throws TypeError for a span that is none by OpenTelemetry's types; it is left out then */
  add(span: ReadableSpan): void {
    this.#resource ??= span.resource;
    let writer = this.#scopes.get(span.instrumentationScope);
    if (writer === undefined) {
      writer = new ProtobufWriter(this.#scopes.size === 0 ? EncodedSpans.#usualRoom : 0);
      this.#scopes.set(span.instrumentationScope, writer);
    }
    const begin = writer.length;
    try {
      writeSpan(writer, span);
    } catch (error) {
      writer.cut(begin);
      throw error;
    }
    this.#size++;
  }

  finish(): Uint8Array {
    const scopes = [...this.#scopes].map(([scope, writer]) => ({ scope, spans: writer.finish() }));
    const room = scopes.reduce((total, { spans }) => total + spans.length, framing);
    EncodedSpans.#usualRoom = Math.min(room, largestRoom);
    const writer = new ProtobufWriter(room);
    if (this.#resource === undefined) {
      return writer.finish();
    }
    const resourceSpans = writer.beginMessage(1);
    const resource = writer.beginMessage(1);
    writeAttributes(writer, 1, this.#resource.attributes);
    writer.writeInteger(2, 0);
    writer.endMessage(resource);
    for (const { scope, spans } of scopes) {
      const scopeSpans = writer.beginMessage(2);
      const named = writer.beginMessage(1);
      writer.writeString(1, scope.name);
      writeText(writer, 2, scope.version);
      writer.endMessage(named);
      writer.append(spans);
      writeText(writer, 3, scope.schemaUrl);
      writer.endMessage(scopeSpans);
    }
    writeText(writer, 3, this.#resource.schemaUrl);
    writer.endMessage(resourceSpans);
    return writer.finish();
  }
}

/** A span of a ScopeSpans. */
function writeSpan(writer: ProtobufWriter, span: ReadableSpan): void {
  const message = writer.beginMessage(2, spanLengthBytes);
  const context = span.spanContext();
  writer.writeHex(1, context.traceId);
  writer.writeHex(2, context.spanId);
  writeText(writer, 3, context.traceState?.serialize());
  if (span.parentSpanContext?.spanId) {
    writer.writeHex(4, span.parentSpanContext.spanId);
  }
  writer.writeString(5, span.name);
  writer.writeInteger(6, span.kind + 1);
  writeTime(writer, 7, span.startTime);
  writeTime(writer, 8, span.endTime);
  writeAttributes(writer, 9, span.attributes);
  writer.writeInteger(10, span.droppedAttributesCount);
  for (const event of span.events) {
    writeEvent(writer, event);
  }
  writer.writeInteger(12, span.droppedEventsCount);
  for (const link of span.links) {
    writeLink(writer, link);
  }
  writer.writeInteger(14, span.droppedLinksCount);
  const status = writer.beginMessage(15);
  writeText(writer, 2, span.status.message);
  writer.writeInteger(3, span.status.code);
  writer.endMessage(status);
  writer.writeFixed32(16, flagsOf(context, span.parentSpanContext?.isRemote));
  writer.endMessage(message, spanLengthBytes);
}

function writeEvent(
  writer: ProtobufWriter,
  { time, name, attributes = {}, droppedAttributesCount = 0 }: TimedEvent,
): void {
  const message = writer.beginMessage(11);
  writeTime(writer, 1, time);
  writer.writeString(2, name);
  writeAttributes(writer, 3, attributes);
  writer.writeInteger(4, droppedAttributesCount);
  writer.endMessage(message);
}

function writeLink(writer: ProtobufWriter, { context, attributes = {}, droppedAttributesCount = 0 }: Link): void {
  const message = writer.beginMessage(13);
  writer.writeHex(1, context.traceId);
  writer.writeHex(2, context.spanId);
  writeText(writer, 3, context.traceState?.serialize());
  writeAttributes(writer, 4, attributes);
  writer.writeInteger(5, droppedAttributesCount);
  writer.writeFixed32(6, flagsOf(context, context.isRemote));
  writer.endMessage(message);
}

function flagsOf({ traceFlags }: SpanContext, isRemote: boolean | undefined): number {
  return (traceFlags & 0xff) | remoteKnown | (isRemote ? remote : 0);
}

/** Nanoseconds since 1970 need 61 bits; each product here has less than 53. */
function writeTime(writer: ProtobufWriter, field: number, [seconds, nanoseconds]: HrTime): void {
  const upper = Math.floor(seconds / bits16) * nanosecondsPerSecond;
  const lower = (upper % bits16) * bits16 + (seconds % bits16) * nanosecondsPerSecond + nanoseconds;
  writer.writeFixed64(field, Math.floor(upper / bits16) + Math.floor(lower / bits32), lower % bits32);
}

function writeAttributes(writer: ProtobufWriter, field: number, attributes: Attributes): void {
  for (const key in attributes) {
    const value = attributes[key];
    const known = value === undefined ? undefined : cache.findKey(key);
    const bytes = known === undefined ? undefined : cache.find(known, value as AttributeValue);
    if (bytes !== undefined) {
      writer.writeBytes(field, bytes);
    } else if (
      known === undefined ||
      typeof value !== "string" ||
      !writer.tryShortText(field, known.keyBytes, valueField, textField, value)
    ) {
      const attribute = writer.beginMessage(field);
      writeAttribute(writer, key, value);
      writer.endMessage(attribute);
    }
  }
}

/** What a KeyValue holds. */
function writeAttribute(writer: ProtobufWriter, key: string, value: AttributeValue | undefined): void {
  writer.writeString(keyField, key);
  writeValue(writer, valueField, value);
}

/** An AnyValue; what a list does not have is one without a value. */
function writeValue(writer: ProtobufWriter, field: number, value: AttributeValue | null | undefined): void {
  const message = writer.beginMessage(field);
  if (typeof value === "string") {
    writer.writeString(textField, value);
  } else if (typeof value === "boolean") {
    writer.writeInteger(2, value ? 1 : 0);
  } else if (typeof value === "number") {
    if (Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63) {
      writer.writeInteger(3, value);
    } else {
      writer.writeDouble(4, value);
    }
  } else if (Array.isArray(value)) {
    const list = writer.beginMessage(5);
    for (const item of value) {
      writeValue(writer, 1, item);
    }
    writer.endMessage(list);
  }
  writer.endMessage(message);
}

/** Left out where it is empty, as protobuf does it. */
function writeText(writer: ProtobufWriter, field: number, text: string | undefined): void {
  if (text) {
    writer.writeString(field, text);
  }
}
