// The header block of a NATS message, written in one go and read strictly: what comes from outside may be hostile.
// nats.js's own reader throws on some malformed names and accepts others; this one says what is wrong.
// @see https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-4.md

import { Buffer } from "node:buffer";
import type { WireHeaders } from "@throughline/contracts";

const firstLine = "NATS/1.0";
const maxBlockBytes = 65_536;
const maxHeaders = 128;

const invalidValue = /[\r\n]/;

/** `commands` are headers that the server acts on. @throws RangeError when a value would break out of its line */
export function encodeHeaderBlock(
  headers: WireHeaders,
  messageId: string,
  commands: readonly (readonly [string, string])[] = [],
): Uint8Array {
  let block = `${firstLine}\r\n${formatLine("Nats-Msg-Id", messageId)}`;
  for (const [name, value] of commands) {
    block += formatLine(name, value);
  }
  for (const [name, value] of headers) {
    block += formatLine(name, value);
  }
  return Buffer.from(`${block}\r\n`);
}

function formatLine(name: string, value: string): string {
  if (invalidValue.test(value)) {
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
  const endOfFirst = text.indexOf("\r\n");
  const statusLine = endOfFirst < 0 ? text.slice(firstLine.length) : text.slice(firstLine.length, endOfFirst);
  const headers = new Map<string, string>();
  // One look at the whole block spares a closer one at each line, unless somebody sends the unusual.
  const readLine = unusual.test(text) ? readUnusualLine : readPlainLine;
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
  return {
    block: { status: status === "" ? 0 : Number.parseInt(status, 10) || 0, description: status.slice(4), headers },
  };
}

/** Anything but printable ASCII, tabs and whole line ends. */
const unusual = /[^\t\r\n -~]|\r(?!\n)|[^\r]\n/;
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
