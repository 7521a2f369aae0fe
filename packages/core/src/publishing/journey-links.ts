// Where a journey goes on under another key. Events of one key are found through the subjects of their streams; a note says
// which other keys belong to the same journey, so that finding it costs what it holds and not what the streams hold.

import { type EventEnvelope, encodeKey } from "@throughline/contracts";
import type { OutgoingMessage, StreamTopology } from "../transport.ts";

/** One note for each further key of a journey: `journeys.<correlation id>.<context>.<key>`. */
export const journeyStream: StreamTopology = {
  name: "JOURNEYS",
  subjects: ["journeys.>"],
  keep: { newestPerSubject: true },
};

/** Undefined where an event has the key of its cause: those are found together. */
export function linkToJourney(
  { type, key, correlationId }: EventEnvelope,
  causeKey: string | undefined,
): OutgoingMessage | undefined {
  if (causeKey === undefined || causeKey === key) {
    return undefined;
  }
  const [context = ""] = type.split(".");
  const subject = `journeys.${encodeKey(correlationId)}.${context}.${encodeKey(key)}`;
  return { subject, headers: new Map(), body: "", messageId: subject, orderKey: subject };
}
