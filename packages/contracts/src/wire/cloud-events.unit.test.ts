import { describe, expect, test } from "vitest";
import { readEvent, writeEventHeaders } from "./cloud-events.ts";
import type { EventEnvelope } from "./event-envelope.ts";
import { subjectOfEvent } from "./event-subject.ts";

const envelope: EventEnvelope = {
  id: "0198c1d4-0000-7000-8000-000000000001",
  type: "orders.placed",
  version: 2,
  source: "/gateway",
  time: "2026-01-02T03:04:05.678Z",
  key: "order-1",
  correlationId: "0198c1d4-0000-7000-8000-000000000001",
};
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const stored = { stream: "ORDERS", sequence: 7, timeMs: Date.parse("2026-01-01T00:00:00Z") };

function message(headers: Record<string, string>, body = "{}", subject = "orders.placed.order-1") {
  return { subject, headers: new Map(Object.entries(headers)), body: new TextEncoder().encode(body) };
}

describe("events as CloudEvents", () => {
  test.each(["order-1", "a.b", "größe 1", '"quoted" 100%', "日本", "x".repeat(256)])(
    "keep their envelope on the way: key %s",
    (key) => {
      const sent = { ...envelope, key, causationId: "c-1", traceparent, tracestate: "vendor=1" };
      const headers = writeEventHeaders(sent);
      const body = new TextEncoder().encode('{"a":1}');
      const received = readEvent({ subject: subjectOfEvent(sent.type, key), headers, body }, stored);
      expect(received).toEqual({ envelope: sent, data: { a: 1 } });
      for (const value of [...headers].map(([, value]) => value)) {
        expect(value).toMatch(/^[!-~]*$/);
      }
    },
  );

  test("are read without any attribute: subject, message id and storage stand in", () => {
    expect(readEvent(message({ "nats-msg-id": "m-1" }), stored).envelope).toEqual({
      id: "m-1",
      type: "orders.placed",
      key: "order-1",
      version: undefined,
      source: "urn:nats:ORDERS",
      time: "2026-01-01T00:00:00.000Z",
      correlationId: "m-1",
    });
    expect(readEvent(message({}), stored).envelope.id).toBe("ORDERS:7");
  });

  test("are read in structured mode", () => {
    const event = {
      specversion: "1.0",
      id: "e-1",
      source: "/legacy",
      type: "orders.placed",
      subject: "order-1",
      dataversion: 1,
      data: { total: 3 },
    };
    const received = readEvent(
      message({ "content-type": "application/cloudevents+json; charset=utf-8" }, JSON.stringify(event)),
      stored,
    );
    expect(received).toMatchObject({ envelope: { id: "e-1", source: "/legacy", version: 1 }, data: { total: 3 } });
  });

  test("carry their trace in the header of the hop, in attributes, or in a structured event", () => {
    const structured = {
      specversion: "1.0",
      id: "e",
      source: "/s",
      type: "orders.placed",
      traceparent,
      tracestate: "a=1",
    };
    const inBody = message(
      { "content-type": "application/cloudevents+json" },
      JSON.stringify({ ...structured, data: {} }),
    );
    const other = traceparent.replace("0af7", "1af7");
    for (const [sent, expected] of [
      [message({ traceparent, tracestate: "a=1" }), traceparent],
      [message({ "ce-traceparent": traceparent, "ce-tracestate": "a=1" }), traceparent],
      [message({ "ce-traceparent": other, traceparent, tracestate: "a=1" }), traceparent],
      [inBody, traceparent],
    ] as const) {
      expect(readEvent(sent, stored).envelope).toMatchObject({ traceparent: expected, tracestate: "a=1" });
    }
  });

  test.each([
    ["%C3%A4%20%22%25", 'ä "%'],
    ["plain", "plain"],
    ['"quoted \\" string"', 'quoted " string'],
    ['"%E2%82%AC"', "€"],
    ["%e2%82%ac", "€"],
  ])("decode the attribute %s", (value, expected) => {
    expect(readEvent(message({ "ce-source": value }), stored).envelope.source).toBe(expected);
  });

  test.each(["application/json; charset=utf-8", "Application/JSON", "application/vnd.order+json", "text/json"])(
    "hold data of the media type %s",
    (mediaType) => {
      expect(readEvent(message({ "ce-datacontenttype": mediaType }, '{"a":1}'), stored).data).toEqual({ a: 1 });
    },
  );

  test("begin a new trace when their traceparent is not valid", () => {
    for (const value of ["00-0-0-00", traceparent.toUpperCase(), `${traceparent}-x`, `ff${traceparent.slice(2)}`]) {
      expect(readEvent(message({ traceparent: value }), stored).envelope.traceparent).toBeUndefined();
    }
  });

  test.each([
    ["ce-specversion", { "ce-specversion": "0.3" }],
    ["ce-type", { "ce-type": "orders.cancelled" }],
    ["ce-subject", { "ce-subject": "another" }],
    ["ce-dataversion", { "ce-dataversion": "two" }],
    ["ce-dataversion", { "ce-dataversion": "0" }],
    ["ce-time", { "ce-time": "yesterday" }],
    ["ce-id", { "ce-id": "" }],
    ["ce-id", { "ce-id": "x".repeat(2_000) }],
    ["ce-source", { "ce-source": "%E0%A4%A" }],
    ["ce-source", { "ce-source": '"never closed' }],
    ["ce-datacontenttype", { "ce-datacontenttype": "application/xml" }],
    ["ce-datacontenttype", { "content-type": "application/cloudevents-batch+json" }],
    ["ce-datacontenttype", { "content-type": "application/cloudevents+avro" }],
  ])("are refused with the name of the header at fault: %s", (header, headers: Record<string, string>) => {
    expect(() => readEvent(message(headers), stored)).toThrowError(
      expect.objectContaining({ code: "CONTRACT_ENVELOPE_INVALID", details: expect.objectContaining({ header }) }),
    );
  });

  const whole = { specversion: "1.0", id: "e", source: "/s", type: "orders.placed", subject: "order-1" };

  test.each<[string, object]>([
    ["body", []],
    ["specversion", { ...whole, specversion: undefined }],
    ["specversion", { ...whole, specversion: "0.3" }],
    ["id", { ...whole, id: "" }],
    ["id", { ...whole, id: null }],
    ["source", { ...whole, source: 7 }],
    ["type", { ...whole, type: "orders.cancelled" }],
    ["subject", { ...whole, subject: "another" }],
    ["time", { ...whole, time: "2026-13-01T00:00:00Z" }],
    ["dataversion", { ...whole, dataversion: 1.5 }],
    ["datacontenttype", { ...whole, datacontenttype: "text/plain", data: "hello" }],
    ["datacontenttype", { ...whole, datacontenttype: 7 }],
    ["data_base64", { ...whole, data: {}, data_base64: "e30=" }],
    ["data_base64", { ...whole, data_base64: "e30" }],
  ])("in structured mode are refused with the name of the attribute at fault: %s", (header, event) => {
    const sent = message({ "content-type": "Application/CloudEvents+JSON" }, JSON.stringify(event));
    expect(() => readEvent(sent, stored)).toThrowError(
      expect.objectContaining({ code: "CONTRACT_ENVELOPE_INVALID", details: expect.objectContaining({ header }) }),
    );
  });

  test("hold data in Base64 in structured mode", () => {
    const event = { ...whole, data_base64: Buffer.from('{"a":1}').toString("base64") };
    const sent = message({ "content-type": "application/cloudevents+json" }, JSON.stringify(event));
    expect(readEvent(sent, stored).data).toEqual({ a: 1 });
  });

  test.each(["orders.placed", "orders.placed.a.b", "orders.placed.%zz", `orders.placed.${"x".repeat(257)}`])(
    "are refused on the subject %s",
    (subject) => {
      expect(() => readEvent(message({}, "{}", subject), stored)).toThrowError(
        expect.objectContaining({ code: "CONTRACT_ENVELOPE_INVALID" }),
      );
    },
  );
});
