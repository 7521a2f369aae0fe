// Messages as nobody should send them, drawn from a seed, each with what has to become of it.

import { Buffer } from "node:buffer";
import type { SeededRandom } from "../simulation/seeded-random.ts";

/** What has to become of a message once it is stored. */
export type Expectation =
  | "handled"
  /** A dead letter with one of these codes. */
  | { readonly codes: readonly string[] }
  /** Either; what counts is that it is one of the two. */
  | "settled";

export interface HostileMessage {
  readonly kind: string;
  readonly subject: string;
  /** As it goes over the wire, first line and all; undefined for a message without headers. */
  readonly headers: Buffer | undefined;
  readonly body: Buffer;
  readonly expectation: Expectation;
}

const firstLine = "NATS/1.0\r\n";
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const envelope = { codes: ["CONTRACT_ENVELOPE_INVALID"] };
const bodyInvalid = { codes: ["CONTRACT_BODY_INVALID"] };
const dataInvalid = { codes: ["CONTRACT_DATA_INVALID"] };

/** What a message is made of before anything is done to it. */
interface Parts {
  readonly type: string;
  readonly key: string;
  readonly good: Buffer;
  readonly random: SeededRandom;
}

type Made = Partial<Pick<HostileMessage, "subject" | "headers" | "body">> & Pick<HostileMessage, "expectation">;
type Maker = (parts: Parts) => Made;

const lines = (...text: readonly string[]): Buffer =>
  Buffer.from(`${firstLine}${text.map((line) => `${line}\r\n`).join("")}\r\n`);
const bytes = (text: string): Buffer => Buffer.from(text, "latin1");
const block = (text: string): Buffer => bytes(`${firstLine}${text}\r\n\r\n`);

function validLines({ type, key }: Parts): string[] {
  return [
    "ce-specversion: 1.0",
    `ce-id: id-${key}`,
    `ce-type: ${type}`,
    "ce-source: /fuzz",
    `ce-subject: ${key}`,
    "ce-datacontenttype: application/json",
    "ce-dataversion: 1",
    `traceparent: ${traceparent}`,
  ];
}

/** Valid headers with one of them in place of its namesake. */
function withLine(parts: Parts, line: string): Buffer {
  const name = line.slice(0, line.indexOf(":")).toLowerCase();
  return lines(...validLines(parts).filter((valid) => !valid.startsWith(`${name}:`)), line);
}

function structured(parts: Parts, changes: object): Buffer {
  const { type, key, good } = parts;
  const event = {
    specversion: "1.0",
    id: `id-${key}`,
    source: "/fuzz",
    type,
    subject: key,
    data: JSON.parse(String(good)),
  };
  return Buffer.from(JSON.stringify({ ...event, ...changes }));
}

const structuredHeaders = () => lines("content-type: application/cloudevents+json; charset=UTF-8");

const attribute =
  (...values: readonly [string, ...string[]]): Maker =>
  (parts) => ({ headers: withLine(parts, parts.random.pick(values)), expectation: envelope });

const rawHeaders =
  (...blocks: readonly [string, ...string[]]): Maker =>
  ({ random }) => ({ headers: block(random.pick(blocks)), expectation: envelope });

const body =
  (expectation: Expectation, ...make: readonly [() => Buffer, ...(() => Buffer)[]]): Maker =>
  (parts) => ({ headers: lines(...validLines(parts)), body: parts.random.pick(make)(), expectation });

const structuredEvent =
  (expectation: Expectation, ...changes: readonly [object, ...object[]]): Maker =>
  (parts) => ({ headers: structuredHeaders(), body: structured(parts, parts.random.pick(changes)), expectation });

const text = (value: string) => () => Buffer.from(value);
const nested = (open: string, close: string, depth: number) => () =>
  Buffer.from(open.repeat(depth) + close.repeat(depth));

const makers: Readonly<Record<string, Maker>> = {
  "valid, binary": (parts) => ({ headers: lines(...validLines(parts)), expectation: "handled" }),
  "valid, no headers": () => ({ headers: undefined, expectation: "handled" }),
  "valid, structured": structuredEvent("handled", {}, { dataversion: 1 }, { dataversion: "1", unknown: { deep: [1] } }),
  "valid, unusual headers": (parts) => ({
    headers: lines(
      ...validLines(parts),
      "x-size: größe €",
      "x-empty:",
      "x-twice: 1",
      "x-twice: 2",
      "X-Long: ".padEnd(2_000, "x"),
    ),
    expectation: "handled",
  }),
  "invalid traceparent": (parts) => ({
    headers: withLine(
      parts,
      parts.random.pick([
        "traceparent: 00-0-0-00",
        `traceparent: ff${traceparent.slice(2)}`,
        "traceparent:",
        `traceparent: ${traceparent}${"0".repeat(5_000)}`,
        `traceparent: ${traceparent.toUpperCase()}`,
        "traceparent: 00-00000000000000000000000000000000-0000000000000000-00",
      ]),
    ),
    expectation: "handled",
  }),
  "malformed headers": rawHeaders(
    "no colon here",
    ": no name",
    "bad name: x",
    "ce-id\u0000: x",
    "ce-id: a\u0000b",
    "ce-id: a\rb",
    "ce-id: a\nce-type: other",
    "ce-id: a\u001b[31m",
    "ce-id: a\u007fb",
    "ümlaut: x",
  ),
  "folded header lines": rawHeaders("ce-id: a\r\n folded", "ce-id: a\r\n\tfolded"),
  "duplicate names": rawHeaders(
    "ce-id: a\r\nce-id: b",
    "ce-id: a\r\nCE-ID: b",
    `traceparent: ${traceparent}\r\nTraceparent: ${traceparent}`,
    "content-type: application/json\r\nContent-Type: application/xml",
  ),
  "too many headers": ({ random }) => ({
    headers: lines(...Array.from({ length: random.between(129, 400) }, (_, index) => `x-${index}: 1`)),
    expectation: envelope,
  }),
  "huge headers": ({ random }) => ({
    headers: lines(`x-huge: ${"x".repeat(random.between(65_536, 90_000))}`),
    expectation: envelope,
  }),
  "not a header block": ({ random }) => ({
    headers: bytes(random.pick(["HTTP/1.1 200 OK\r\n\r\n", "NATS/2.0\r\n\r\n", "\r\n\r\n", "nats/1.0\r\n\r\n"])),
    expectation: "settled",
  }),
  "server status in a message": ({ random }) => ({
    headers: bytes(
      `NATS/1.0 ${random.pick(["503", "409 Consumer Deleted", "408 Request Timeout", "100 Idle Heartbeat", "404"])}\r\n\r\n`,
    ),
    expectation: "settled",
  }),
  "wrong attributes": attribute(
    "ce-specversion: 0.3",
    "ce-specversion: 2.0",
    "ce-type: other.event",
    "ce-subject: another key",
    "ce-time: yesterday",
    "ce-time: 2026-02-31T99:00:00Z",
    "ce-id:",
    `ce-id: ${"x".repeat(1_025)}`,
    `ce-source: ${"%41".repeat(2_000)}`,
    "ce-source: %E0%A4%A",
    "ce-source: %zz",
    'ce-source: "never closed',
  ),
  "wrong versions": attribute(
    "ce-dataversion: 0",
    "ce-dataversion: -1",
    "ce-dataversion: 1.0",
    "ce-dataversion: 1e3",
    "ce-dataversion: 9999999",
    "ce-dataversion: one",
    "ce-dataversion: ١",
    "ce-dataversion: 0x1",
  ),
  "newer versions": (parts) => ({
    headers: withLine(parts, `ce-dataversion: ${parts.random.between(2, 999_999)}`),
    expectation: { codes: ["CONTRACT_VERSION_UNKNOWN"] },
  }),
  "wrong content types": attribute(
    "content-type: text/plain",
    "content-type: application/xml",
    "content-type: application/cloudevents-batch+json",
    "content-type: application/cloudevents+avro",
    "content-type: ;",
    "ce-datacontenttype: application/octet-stream",
  ),
  "absurd keys": ({ type, key, random }) => ({
    subject: `${type}.${key}-${random.pick(["x".repeat(300), "x".repeat(3_000), "%zz", "%E0%A4%A", "%00%".repeat(3), "é".repeat(260)])}`,
    headers: undefined,
    expectation: envelope,
  }),
  "not JSON": body(
    bodyInvalid,
    text(""),
    text("{"),
    text('{"a":1,}'),
    text("NaN"),
    text("\ufeff{}"),
    text("{}{}"),
    text("{'a':1}"),
    text('"\u0000"'),
    () => Buffer.alloc(1_000),
  ),
  "invalid UTF-8": body(
    bodyInvalid,
    () => bytes('{"a":"\xff"}'),
    () => bytes("\xfe\xff\x00{"),
    () => bytes('{"a":"\xed\xa0\x80"}'),
    () => bytes('{"a":"\xc0\xaf"}'),
  ),
  "deep nesting": body(bodyInvalid, nested("[", "]", 65), nested("[", "]", 100_000), nested('{"a":', "", 65), () =>
    Buffer.from(`${'{"a":['.repeat(5_000)}1${"]}".repeat(5_000)}`),
  ),
  "prototype keys": body(
    bodyInvalid,
    text('{"__proto__":{"isAdmin":true}}'),
    text('{"constructor":{"prototype":{"isAdmin":true}}}'),
    text('{"a":[{"\\u005f\\u005fproto__":1}]}'),
    text('{"prototype":1}'),
  ),
  "wrong data": body(
    dataInvalid,
    text("null"),
    text("[]"),
    text("7"),
    text('"text"'),
    text("{}"),
    text('{"key":7,"n":"7"}'),
    text('{"key":"a"}'),
  ),
  // Becomes infinity, which some schemas take for a number.
  "absurd numbers": body("settled", text(`{"key":"a","n":${"9".repeat(400)}e999999}`), text('{"key":"a","n":1e400}')),
  oversize: ({ random }) => ({
    headers: undefined,
    body: Buffer.from(`{"key":"${"x".repeat(1_048_576 + random.between(1, 200_000))}","n":1}`),
    expectation: bodyInvalid,
  }),
  "structured, wrong attributes": structuredEvent(
    envelope,
    { specversion: 1 },
    { specversion: "0.3" },
    { id: "" },
    { id: { $ne: null } },
    { source: null },
    { type: "other.event" },
    { type: ["x"] },
    { subject: "another" },
    { time: "never" },
    { dataversion: -1 },
    { datacontenttype: "text/html" },
    { datacontenttype: {} },
    { data_base64: "e30=" },
    { source: "x".repeat(2_000) },
  ),
  "structured, no event": ({ random }) => ({
    headers: structuredHeaders(),
    body: Buffer.from(random.pick(["[]", "7", "null", "{}", '"text"'])),
    expectation: envelope,
  }),
  "structured, wrong data": structuredEvent(
    dataInvalid,
    { data: undefined },
    { data: null },
    { data: "text" },
    { data: [[]] },
  ),
  "orders to the server": (parts) => ({
    headers: lines(
      ...validLines(parts),
      parts.random.pick([
        "Nats-Rollup: all",
        "Nats-Expected-Stream: OTHER",
        "Nats-Expected-Last-Sequence: 1",
        "Nats-Expected-Last-Subject-Sequence: 99",
        "Nats-TTL: 1s",
        "Nats-TTL: never mind",
        "Nats-Schedule: @every 1s",
        "Nats-Batch-Id: 1",
        "Nats-Incr: 1",
        "Nats-Msg-Id: the same for all",
      ]),
    ),
    expectation: "settled",
  }),
  "reserved names": (parts) => ({
    headers: lines(
      ...validLines(parts),
      "throughline-handling: ;;;attempt=x",
      "throughline-dead-reason: made up",
      "throughline-redrive-job: none",
      "throughline-origin-nats-rollup: all",
    ),
    expectation: "settled",
  }),
  "mutated bytes": (parts) => mutate(parts),
};

/** Some bytes of a valid message changed, taken out, or put in. */
function mutate(parts: Parts): Made {
  const { random } = parts;
  const change = (original: Buffer): Buffer => {
    const changed = [...original];
    for (let count = random.between(1, 8); count > 0; count--) {
      const place = random.between(0, changed.length - 1);
      const insert = random.pick([[], [random.between(0, 255)], [0x0d, 0x0a], [0x22], [0x3a]]);
      changed.splice(place, random.between(0, 2), ...insert);
    }
    return Buffer.from(changed);
  };
  const headers = lines(...validLines(parts));
  const isBody = random.chance(0.5);
  return {
    headers: isBody ? headers : change(headers),
    body: isBody ? change(parts.good) : parts.good,
    expectation: "settled",
  };
}

const kinds = Object.keys(makers) as [string, ...string[]];
/** So rare that their size does not make the run. */
const rare: ReadonlyMap<string, number> = new Map([
  ["oversize", 0.02],
  ["huge headers", 0.1],
]);

/** The message of this number; its key is `k<number>`, or begins so. */
export function makeHostileMessage(random: SeededRandom, type: string, number: number): HostileMessage {
  let kind = random.pick(kinds);
  while (!random.chance(rare.get(kind) ?? 1)) {
    kind = random.pick(kinds);
  }
  const key = `k${number}`;
  const good = Buffer.from(JSON.stringify({ key, n: number }));
  const made = (makers[kind] as Maker)({ type, key, good, random });
  return { kind, subject: `${type}.${key}`, headers: undefined, body: good, ...made };
}
