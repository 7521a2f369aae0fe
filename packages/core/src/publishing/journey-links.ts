// What is noted of a journey beside its events. Where it goes on under another key: events of one key are found through the
// subjects of their streams; a note says which other keys belong to the same journey, so that finding it costs what it holds and
// not what the streams hold. And what was redriven: a dead letter that was handled in the end leaves no other trace.

import { type EventEnvelope, encodeKey } from "@throughline/contracts";
import type { DeadLetter } from "../dead-letters/letter.ts";
import { redriveHeaders } from "../dead-letters/redrive-message.ts";
import type { OutgoingMessage, StreamTopology } from "../transport.ts";

/**
 * One note for each further key of a journey, `journeys.<correlation id>.<context>.<key>`, and for each event that was redriven
 * to a subscription, `journeys.<correlation id>.redriven.<durable>.<event id>`.
 */
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

/** Undefined for what is no event of a journey. */
export function noteRedrive(
  { service, subscription, eventId, correlationId, sequence }: DeadLetter,
  { job, replays }: { readonly job: string; readonly replays: number },
): OutgoingMessage | undefined {
  if (eventId === undefined || correlationId === undefined) {
    return undefined;
  }
  const durable = `${service}-${subscription}`;
  const subject = `journeys.${encodeKey(correlationId)}.redriven.${durable}.${encodeKey(eventId)}`;
  const headers = new Map([
    [redriveHeaders.job, job],
    [redriveHeaders.replays, String(replays)],
  ]);
  return { subject, headers, body: "", messageId: `redriven:${sequence}`, orderKey: subject };
}
