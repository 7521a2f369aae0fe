// The wire format against CloudEvents' own SDK for JavaScript: what it writes is read here, what is written here it reads.
// It has no binding for NATS; that of HTTP differs in the name of the content type's header, and it leaves it to others to
// percent-encode.

import { ceHeaders, type EventEnvelope, readEvent, type WireHeaders, writeEventHeaders } from "@throughline/contracts";
import { CloudEvent, HTTP } from "cloudevents";
import { describe, expect, test } from "vitest";

const stored = { stream: "ORDERS", sequence: 1, timeMs: 0 };
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const event = new CloudEvent({
  id: "e-1",
  type: "orders.placed",
  source: "https://example.com/shop",
  subject: "order-1",
  time: "2026-01-02T03:04:05.678Z",
  datacontenttype: "application/json",
  dataversion: 1,
  correlationid: "journey-1",
  traceparent,
  data: { text: "größer als 1 €" },
});
const expected = {
  envelope: {
    id: "e-1",
    type: "orders.placed",
    version: 1,
    source: "https://example.com/shop",
    key: "order-1",
    time: "2026-01-02T03:04:05.678Z",
    correlationId: "journey-1",
    causationId: undefined,
    traceparent,
    tracestate: undefined,
  },
  data: { text: "größer als 1 €" },
};

/** As headers travel: text, names in lower case. */
function toWire(headers: object): WireHeaders {
  return new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
}

describe("CloudEvents of the official SDK", () => {
  test.each([
    ["binary", HTTP.binary(event)],
    ["structured", HTTP.structured(event)],
  ] as const)("are read in %s mode", (_mode, { headers, body }) => {
    const message = { subject: "orders.placed.order-1", headers: toWire(headers), body: Buffer.from(String(body)) };
    expect(readEvent(message, stored)).toEqual(expected);
  });

  test("reads what is written here, in strict mode", () => {
    const envelope: EventEnvelope = {
      id: "0198c1d4-0000-7000-8000-000000000001",
      type: "orders.placed",
      version: 2,
      source: "/gateway",
      time: "2026-01-02T03:04:05.678Z",
      key: "order-1",
      correlationId: "c-1",
      causationId: "c-0",
      traceparent,
    };
    const headers = Object.fromEntries(writeEventHeaders(envelope));
    const received = HTTP.toEvent({
      headers: { ...headers, "content-type": headers[ceHeaders.datacontenttype] },
      body: '{"a":1}',
    }) as CloudEvent<unknown>;
    expect(received.validate()).toBe(true);
    expect(received.toJSON()).toMatchObject({
      specversion: "1.0",
      id: envelope.id,
      type: "orders.placed",
      source: "/gateway",
      subject: "order-1",
      time: envelope.time,
      datacontenttype: "application/json",
      dataversion: "2",
      correlationid: "c-1",
      causationid: "c-0",
      data: { a: 1 },
    });
  });
});
