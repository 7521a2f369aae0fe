// The header block of a NATS message, written in one go and read strictly: what comes from outside may be hostile.
// nats.js's own reader throws on some malformed names and accepts others; this one says what is wrong.
// @see https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-4.md

import { Buffer } from "node:buffer";
import { HeaderList, type WireHeaders } from "@throughline/contracts";

const firstLine = "NATS/1.0";
const maxBlockBytes = 65_536;
const maxHeaders = 128;

/** `commands` are headers that the server acts on. @throws RangeError when a value would break out of its line */
export function formatHeaderBlock(
  headers: WireHeaders,
  messageId: string,
  commands: readonly (readonly [string, string])[] = [],
): string {
  let block = `${firstLine}\r\n${formatLine("Nats-Msg-Id", messageId)}`;
  for (const [name, value] of commands) {
    block += formatLine(name, value);
  }
  headers.forEach((value, name) => {
    block += formatLine(name, value);
  });
  return `${block}\r\n`;
}

function formatLine(name: string, value: string): string {
  if (value.includes("\n") || value.includes("\r")) {
    throw new RangeError(`The header ${name} holds a line break.`);
  }
  return `${name}: ${value}\r\n`;
}

/** What a header block says. `status` is set on the server's own messages (100 heartbeat, 408, 409, 503 …). */
export interface HeaderBlock {
  readonly status: number;
  readonly description: string;
  readonly headers: WireHeaders;
}

export type HeaderBlockReading = { readonly block: HeaderBlock } | { readonly problem: string };

/** Reads a header block; names in lower case. Never throws: a malformed block gives its problem. */
export function decodeHeaderBlock(bytes: Uint8Array): HeaderBlockReading {
  if (bytes.length > maxBlockBytes) {
    return { problem: `${bytes.length} bytes of headers; the limit is ${maxBlockBytes}` };
  }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString("latin1");
  if (!text.startsWith(firstLine)) {
    return { problem: `the block does not begin with ${firstLine}` };
  }
  const isUnusual = !isPlain(bytes);
  const known = isUnusual ? undefined : readKnownShape(text);
  if (known !== undefined) {
    return { block: { status: 0, description: "", headers: known } };
  }
  const endOfFirst = text.indexOf("\r\n");
  const statusLine = endOfFirst < 0 ? text.slice(firstLine.length) : text.slice(firstLine.length, endOfFirst);
  const headers = new Map<string, string>();
  // One look at the whole block spares a closer one at each line, unless somebody sends the unusual.
  const readLine = isUnusual ? readUnusualLine : readPlainLine;
  let position = endOfFirst < 0 ? text.length : endOfFirst + 2;
  while (position < text.length) {
    const end = text.indexOf("\r\n", position);
    const lineEnd = end < 0 ? text.length : end;
    if (lineEnd > position) {
      const problem = readLine(text, position, lineEnd, headers);
      if (problem !== undefined) {
        return { problem };
      }
    }
    position = lineEnd + 2;
  }
  const status = statusLine.trim();
  if (!isUnusual && status === "" && headers.size > 0) {
    learnShape(text, headers);
  }
  return {
    block: { status: status === "" ? 0 : Number.parseInt(status, 10) || 0, description: status.slice(4), headers },
  };
}

/** The names of a block's headers, in order, as they were written and in lower case. */
interface BlockShape {
  readonly prefixes: readonly string[];
  readonly names: readonly string[];
}

const plainStart = `${firstLine}\r\n`;
/** A sender writes the same headers in the same order, event after event; such a block is read without looking up names. */
const shapes: BlockShape[] = [];
const maxShapes = 8;
const space = 0x20;

/** Undefined for a block of an unknown shape. */
function readKnownShape(text: string): HeaderList | undefined {
  for (let index = 0; index < shapes.length; index++) {
    const shape = shapes[index] as BlockShape;
    const values = readValues(text, shape.prefixes);
    if (values !== undefined) {
      if (index > 0) {
        shapes.splice(index, 1);
        shapes.unshift(shape);
      }
      return new HeaderList(shape.names, values);
    }
  }
  return undefined;
}

function readValues(text: string, prefixes: readonly string[]): string[] | undefined {
  if (!text.startsWith(plainStart)) {
    return undefined;
  }
  const values: string[] = [];
  let position = plainStart.length;
  for (const prefix of prefixes) {
    if (!text.startsWith(prefix, position)) {
      return undefined;
    }
    const start = position + prefix.length;
    const end = text.indexOf("\r\n", start);
    if (end < 0) {
      return undefined;
    }
    const isTrimmed = text.charCodeAt(start) > space && text.charCodeAt(end - 1) > space;
    values.push(isTrimmed ? text.slice(start, end) : text.slice(start, end).trim());
    position = end + 2;
  }
  return position + 2 === text.length && text.startsWith("\r\n", position) ? values : undefined;
}

/** Only from a block in which no name came twice: each line is one header. */
function learnShape(text: string, headers: WireHeaders): void {
  const lines = text.split("\r\n").slice(1, -2);
  if (lines.length !== headers.size) {
    return;
  }
  const prefixes = lines.map((line) => line.slice(0, line.indexOf(":") + (line.includes(": ") ? 2 : 1)));
  shapes.unshift({ prefixes, names: [...headers].map(([name]) => name) });
  shapes.length = Math.min(shapes.length, maxShapes);
}

const [tab, lineFeed, carriageReturn, tilde] = [0x09, 0x0a, 0x0d, 0x7e];

/** Nothing but printable ASCII, tabs and whole line ends. A loop over the bytes takes a quarter of what a pattern takes. */
function isPlain(bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] as number;
    if (byte > tilde) {
      return false;
    }
    if (byte < space && byte !== tab) {
      const isLineEnd =
        byte === carriageReturn
          ? bytes[index + 1] === lineFeed
          : byte === lineFeed && bytes[index - 1] === carriageReturn;
      if (!isLineEnd) {
        return false;
      }
    }
  }
  return true;
}

const nonAscii = /[\u0080-\u00ff]/;
/** Unicode's control characters, but for the tab. */
const controlCharacter = /(?!\t)\p{Cc}/u;
/** Printable ASCII without the colon. */
const validName = /^[!-9;-~]+$/;

function readPlainLine(text: string, start: number, end: number, headers: Map<string, string>): string | undefined {
  const colon = text.indexOf(":", start);
  if (colon < 0 || colon >= end) {
    return `the line "${show(text.slice(start, end))}" has no colon`;
  }
  const written = text.slice(start, colon);
  const name = lowerCaseNames.get(written) ?? learnName(written);
  if (name === undefined) {
    return `"${show(written)}" is no header name`;
  }
  return addHeader(headers, name, text.slice(colon + 1, end).trim());
}

function readUnusualLine(text: string, start: number, end: number, headers: Map<string, string>): string | undefined {
  const line = text.slice(start, end);
  const decoded = nonAscii.test(line) ? Buffer.from(line, "latin1").toString("utf8") : line;
  if (controlCharacter.test(decoded)) {
    return `the value of ${show(decoded.split(":", 1)[0] ?? "")} holds a control character`;
  }
  return readPlainLine(decoded, 0, decoded.length, headers);
}

/** Valid names in lower case by how they were written; a sender uses a few names over and over. */
const lowerCaseNames = new Map<string, string>();
const maxLearntNames = 256;

function learnName(written: string): string | undefined {
  if (!validName.test(written)) {
    return undefined;
  }
  const name = written.toLowerCase();
  if (lowerCaseNames.size < maxLearntNames && written.length <= 64) {
    lowerCaseNames.set(written, name);
  }
  return name;
}

function addHeader(headers: Map<string, string>, name: string, value: string): string | undefined {
  const earlier = headers.get(name);
  if (earlier === undefined) {
    headers.set(name, value);
    return headers.size > maxHeaders ? `more than ${maxHeaders} headers` : undefined;
  }
  if (isSingle(name)) {
    return `${show(name)} is given twice`;
  }
  headers.set(name, `${earlier}, ${value}`);
  return undefined;
}

/** Headers that decide what an event is must not be ambiguous. */
function isSingle(name: string): boolean {
  return name.startsWith("ce-") || name === "traceparent" || name === "content-type" || name === "nats-msg-id";
}

function show(text: string): string {
  return text.slice(0, 60).replace(/[^ -~]/g, "?");
}
