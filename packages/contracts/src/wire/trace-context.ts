// W3C Trace Context as it travels in headers, read strictly: a malformed parent is worse than none.
// @see https://www.w3.org/TR/trace-context/

import { drawRandomBytes } from "./random-bytes.ts";

const zeroTrace = "0".repeat(32);
const zeroSpan = "0".repeat(16);

/** The standard's recommended minimum that must be propagated; more is cut off. */
export const maxTracestateLength = 512;

export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: number;
}

let lastValue: string | undefined;
let lastParent: TraceParent | undefined;

/** The parts of a valid traceparent; undefined for anything else, version ff and zero ids included. */
export function parseTraceparent(value: string | undefined): TraceParent | undefined {
  // A delivery asks twice in a row: for the span's parent, and for the envelope.
  if (value !== lastValue) {
    lastValue = value;
    lastParent = parse(value);
  }
  return lastParent;
}

function parse(value: string | undefined): TraceParent | undefined {
  if (value === undefined || value.length !== 55 || !hasShape(value)) {
    return undefined;
  }
  const traceId = value.slice(3, 35);
  const spanId = value.slice(36, 52);
  if (value.startsWith("ff") || traceId === zeroTrace || spanId === zeroSpan) {
    return undefined;
  }
  return { traceId, spanId, flags: Number.parseInt(value.slice(53), 16) };
}

/** `vv-<32>-<16>-ff`, lower-case hexadecimal; a loop, because this runs for every delivery. */
function hasShape(value: string): boolean {
  for (let index = 0; index < 55; index++) {
    const code = value.charCodeAt(index);
    if (index === 2 || index === 35 || index === 52) {
      if (code !== 0x2d) {
        return false;
      }
    } else if (!((code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66))) {
      return false;
    }
  }
  return true;
}

/** Ids of a trace that begins here, in hexadecimal. */
export function createTraceIds(): Pick<TraceParent, "traceId" | "spanId"> {
  const ids = drawRandomBytes(24);
  return { traceId: ids.toString("hex", 0, 16), spanId: ids.toString("hex", 16) };
}

export function formatTraceparent({ traceId, spanId, flags }: TraceParent): string {
  return `00-${traceId}-${spanId}-${flags < 16 ? "0" : ""}${flags.toString(16)}`;
}
