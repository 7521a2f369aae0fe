// The headers of every event, as JSON Schema: what another language has to write and may read.

import { ceHeaders } from "../wire/cloud-events.ts";

interface HeadersSchema {
  readonly type: "object";
  readonly description: string;
  readonly properties: Readonly<Record<string, object>>;
}

const text = (description: string, further: object = {}) => ({ type: "string", description, ...further });

/** Draft 7, as AsyncAPI takes it. Only what a sender must not leave out is required. */
export const eventHeadersSchema: HeadersSchema = {
  type: "object",
  description: "CloudEvents 1.0, binary mode. What a sender leaves out is taken from the subject and from storage.",
  properties: {
    [ceHeaders.specversion]: text("CloudEvents version", { const: "1.0" }),
    [ceHeaders.id]: text("Unique per event; also Nats-Msg-Id, by which the stream drops repetitions"),
    [ceHeaders.type]: text("<context>.<event>, as the subject says"),
    [ceHeaders.source]: text("/<service> that published it"),
    [ceHeaders.time]: text("When the event was created", { format: "date-time" }),
    [ceHeaders.subject]: text("The key, as the subject says"),
    [ceHeaders.datacontenttype]: text("Media type of the body", { const: "application/json" }),
    [ceHeaders.dataversion]: text("Version of the contract that the body was written in", {
      pattern: "^[1-9][0-9]{0,5}$",
    }),
    [ceHeaders.correlationid]: text("Id of the event that began the journey"),
    [ceHeaders.causationid]: text("Id of the event that caused this one"),
    traceparent: text("W3C Trace Context of the hop that published it"),
    tracestate: text("W3C Trace Context, vendor part"),
  },
};
