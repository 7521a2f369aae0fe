// W3C Trace Context as it travels in headers, read strictly: a malformed parent is worse than none.
// @see https://www.w3.org/TR/trace-context/

const traceparentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
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
  if (value === undefined || value.length !== 55) {
    return undefined;
  }
  const match = traceparentPattern.exec(value);
  if (match === null) {
    return undefined;
  }
  const [, version, traceId, spanId, flags] = match as unknown as [string, string, string, string, string];
  if (version === "ff" || traceId === zeroTrace || spanId === zeroSpan) {
    return undefined;
  }
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}

export function formatTraceparent({ traceId, spanId, flags }: TraceParent): string {
  return `00-${traceId}-${spanId}-${flags < 16 ? "0" : ""}${flags.toString(16)}`;
}
