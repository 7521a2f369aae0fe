// CloudEvents 1.0 over NATS: binary mode both ways, structured mode read.
// @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/nats-protocol-binding.md

import { decodeAttribute, encodeAttribute, invalidAttribute } from "./attribute-encoding.ts";
import { readCarriedTrace } from "./carried-trace.ts";
import type { EventEnvelope } from "./event-envelope.ts";
import { deriveEventId } from "./event-id.ts";
import { decodeKey, parseSubject } from "./event-subject.ts";
import { HeaderList } from "./header-list.ts";
import { parseJsonBody } from "./json-body.ts";
import { readMediaType } from "./media-type.ts";
import { readStructuredEvent } from "./structured-mode.ts";
import type { StoredAt, WireHeaders, WireMessage } from "./wire-message.ts";

/** Names of the headers that an event carries. */
export const ceHeaders = {
  specversion: "ce-specversion",
  id: "ce-id",
  type: "ce-type",
  source: "ce-source",
  time: "ce-time",
  subject: "ce-subject",
  datacontenttype: "ce-datacontenttype",
  dataversion: "ce-dataversion",
  correlationid: "ce-correlationid",
  causationid: "ce-causationid",
} as const;

/** An envelope with what is read from the wire: the version may be unsaid, the data is not checked yet. */
export interface ReceivedEvent {
  readonly envelope: Omit<EventEnvelope, "version"> & { readonly version: number | undefined };
  readonly data: unknown;
}

/** What every event has; shared by the header lists of all of them. */
const alwaysWritten = [
  ceHeaders.specversion,
  ceHeaders.id,
  ceHeaders.type,
  ceHeaders.source,
  ceHeaders.time,
  ceHeaders.subject,
  ceHeaders.datacontenttype,
  ceHeaders.dataversion,
  ceHeaders.correlationid,
] as const;
const withTrace = [...alwaysWritten, "traceparent"];
const withTraceAndCause = [...withTrace, ceHeaders.causationid];

/** Writes the envelope as binary-mode headers. */
export function writeEventHeaders(envelope: EventEnvelope): HeaderList {
  const { causationId, traceparent, tracestate } = envelope;
  const values = [
    "1.0",
    encodeAttribute(envelope.id),
    envelope.type,
    encodeAttribute(envelope.source),
    envelope.time,
    encodeAttribute(envelope.key),
    "application/json",
    String(envelope.version),
    encodeAttribute(envelope.correlationId),
  ];
  let names: readonly string[] = alwaysWritten;
  if (traceparent !== undefined) {
    names = withTrace;
    values.push(traceparent);
    if (causationId !== undefined) {
      names = withTraceAndCause;
      values.push(encodeAttribute(causationId));
    }
  }
  const headers = new HeaderList(names, values);
  if (traceparent === undefined && causationId !== undefined) {
    headers.set(ceHeaders.causationid, encodeAttribute(causationId));
  }
  return traceparent === undefined || tracestate === undefined ? headers : headers.set("tracestate", tracestate);
}

/**
 * Reads a message in binary mode, in structured mode, or without any CloudEvents attribute (then subject, `Nats-Msg-Id`
 * and storage stand in for them). @throws CONTRACT_ENVELOPE_INVALID naming the header, CONTRACT_BODY_INVALID
 */
export function readEvent(message: WireMessage, stored: StoredAt): ReceivedEvent {
  const { headers, body } = message;
  const contentType = headers.get("content-type") ?? headers.get(ceHeaders.datacontenttype);
  const kind = contentType === undefined ? "json" : readMediaType(contentType);
  if (kind === "structured") {
    const { attribute, data } = readStructuredEvent(body);
    return { envelope: readEnvelope(message, attribute, stored, structuredPlace), data };
  }
  if (kind === "unknown") {
    throw invalidAttribute(ceHeaders.datacontenttype, "a JSON media type", contentType ?? "");
  }
  const attributes: AttributeReader = (name) => decodeAttribute(headers, `ce-${name}`);
  const envelope = readEnvelope(message, attributes, stored, binaryPlace);
  const occurrence = scheduledBy(headers) === "recurring" ? asOccurrence(envelope, stored) : envelope;
  return { envelope: occurrence, data: parseJsonBody(body) };
}

/** Whether the server stored this message when its time had come, and whether more of its schedule will follow. */
export function scheduledBy(headers: WireHeaders): "once" | "recurring" | undefined {
  const next = headers.get("nats-schedule-next");
  if (next === undefined) {
    return undefined;
  }
  return next === "purge" ? "once" : "recurring";
}

/** Each occurrence of a recurring schedule carries the same headers; what tells them apart is where they are stored. */
function asOccurrence(envelope: ReceivedEvent["envelope"], stored: StoredAt): ReceivedEvent["envelope"] {
  const id = deriveEventId(envelope.id, stored.stream, String(stored.sequence));
  return { ...envelope, id, correlationId: id, time: new Date(stored.timeMs).toISOString() };
}

type AttributeName = keyof typeof ceHeaders;
type AttributeReader = (name: AttributeName) => string | undefined;
type AttributePlace = (name: AttributeName) => string;

const binaryPlace: AttributePlace = (name) => `ce-${name}`;
const structuredPlace: AttributePlace = (name) => name;

function readEnvelope(
  message: WireMessage,
  attribute: AttributeReader,
  stored: StoredAt,
  place: AttributePlace,
): ReceivedEvent["envelope"] {
  const { subject, headers } = message;
  const trace = readCarriedTrace(message);
  const specversion = attribute("specversion");
  if (specversion !== undefined && specversion !== "1.0") {
    throw invalidAttribute(place("specversion"), "1.0", specversion);
  }
  const { type, key } = readTypeAndKey(subject, attribute, place);
  const id = attribute("id") ?? headers.get("nats-msg-id") ?? `${stored.stream}:${stored.sequence}`;
  if (id.length === 0) {
    throw invalidAttribute(place("id"), "a non-empty string", id);
  }
  return {
    id,
    type,
    key,
    version: readVersion(attribute("dataversion"), place),
    source: attribute("source") ?? `urn:nats:${stored.stream}`,
    time: readTime(attribute("time"), stored, place),
    correlationId: attribute("correlationid") || id,
    causationId: attribute("causationid"),
    traceparent: trace?.traceparent,
    tracestate: trace?.tracestate,
  };
}

/** The subject decides where an event is stored and filtered, so attributes that contradict it are refused. */
function readTypeAndKey(subject: string, attribute: AttributeReader, place: AttributePlace) {
  const parsed = parseSubject(subject);
  const key = parsed === undefined ? undefined : decodeKey(parsed.keyToken);
  if (parsed === undefined || key === undefined) {
    throw invalidAttribute("subject", "<context>.<event>.<key>", subject.slice(0, 200));
  }
  const type = attribute("type");
  if (type !== undefined && type !== parsed.type) {
    throw invalidAttribute(place("type"), `${parsed.type}, as the NATS subject says`, type);
  }
  const ceSubject = attribute("subject");
  if (ceSubject !== undefined && ceSubject !== key) {
    throw invalidAttribute(place("subject"), `${key}, as the NATS subject says`, ceSubject);
  }
  return { type: parsed.type, key };
}

function readVersion(value: string | undefined, place: AttributePlace): number | undefined {
  if (value === undefined) {
    return undefined;
  }
  if (value === "1") {
    return 1;
  }
  if (!/^[1-9][0-9]{0,5}$/.test(value)) {
    throw invalidAttribute(place("dataversion"), "a whole number from 1", value);
  }
  return Number(value);
}

const rfc3339 =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i;

let lastTime: string | undefined;

function readTime(value: string | undefined, stored: StoredAt, place: AttributePlace): string {
  if (value === undefined) {
    return new Date(stored.timeMs).toISOString();
  }
  // Many events share a millisecond.
  if (value !== lastTime) {
    if (!rfc3339.test(value)) {
      throw invalidAttribute(place("time"), "an RFC 3339 time", value);
    }
    lastTime = value;
  }
  return value;
}
