// The trace context that a message brings along, wherever its sender put it. Asked before the event itself is read, so
// that even what cannot be read is part of its trace.
// @see https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md

import { readMediaType } from "./media-type.ts";
import { readStructuredEvent } from "./structured-mode.ts";
import { maxTracestateLength, parseTraceparent } from "./trace-context.ts";
import type { WireMessage } from "./wire-message.ts";

export interface CarriedTrace {
  readonly traceparent: string;
  readonly tracestate: string | undefined;
}

/** The header is this hop's. Without one: the attributes of CloudEvents' own extension. Undefined when none is valid. */
export function readCarriedTrace({ headers, body }: WireMessage): CarriedTrace | undefined {
  const header = headers.get("traceparent");
  if (header !== undefined) {
    return validTrace(header, headers.get("tracestate"));
  }
  const attribute = headers.get("ce-traceparent");
  if (attribute !== undefined) {
    return validTrace(attribute, headers.get("ce-tracestate"));
  }
  const contentType = headers.get("content-type");
  if (contentType === undefined || readMediaType(contentType) !== "structured") {
    return undefined;
  }
  try {
    const event = readStructuredEvent(body);
    return validTrace(event.attribute("traceparent"), event.attribute("tracestate"));
  } catch {
    return undefined;
  }
}

/** An invalid traceparent starts a new trace instead of failing the event: tracing never costs a delivery. */
function validTrace(traceparent: string | undefined, tracestate: string | undefined): CarriedTrace | undefined {
  if (traceparent === undefined || parseTraceparent(traceparent) === undefined) {
    return undefined;
  }
  const isKept = tracestate !== undefined && tracestate.length <= maxTracestateLength;
  return { traceparent, tracestate: isKept ? tracestate : undefined };
}
