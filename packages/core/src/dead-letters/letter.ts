// A dead letter as it is read: what failed, where, why, and how often.

import type { StoredWireMessage, WireHeaders } from "@throughline/contracts";
import { type DeadLetterReason, deadLetterPrefix } from "./dead-letter.ts";
import { redriveHeaders } from "./redrive-message.ts";

/** What is known of a dead letter without its data. */
export interface DeadLetter {
  /** Its place in the stream of dead letters; names it everywhere. */
  readonly sequence: number;
  readonly service: string;
  readonly subscription: string;
  readonly type: string;
  /** The key as it stands in the subject, percent-encoded. */
  readonly key: string;
  readonly reason: DeadLetterReason;
  readonly error: { readonly name: string; readonly message: string };
  /** The same for failures of one cause: the error's type and the first frame of the application. */
  readonly fingerprint: string;
  readonly attempts: number;
  /** How often it was redriven before. */
  readonly replays: number;
  /** The redrive that brought it here again. */
  readonly job: string | undefined;
  readonly firstFailure: string;
  readonly deadSince: string;
  readonly origin: { readonly stream: string; readonly sequence: number; readonly stored: string };
  readonly eventId: string | undefined;
  readonly correlationId: string | undefined;
  readonly traceparent: string | undefined;
  /** The event's subject and headers as they were kept. */
  readonly subject: string;
  readonly headers: WireHeaders;
  /** Undefined where it was too large to be kept; the origin stream still has it. */
  readonly body: Uint8Array | undefined;
}

/** Undefined for a message that is no dead letter. */
export function readDeadLetter({ message, storedAt }: StoredWireMessage): DeadLetter | undefined {
  const dead = (name: string) => message.headers.get(deadLetterPrefix + name);
  const [service, subscription, subject] = [dead("service"), dead("subscription"), dead("subject")];
  if (service === undefined || subscription === undefined || subject === undefined) {
    return undefined;
  }
  const [context = "", event = "", ...key] = subject.split(".");
  return {
    sequence: storedAt.sequence,
    service,
    subscription,
    type: `${context}.${event}`,
    key: key.join("."),
    reason: (dead("reason") ?? "attempts-exhausted") as DeadLetterReason,
    error: { name: dead("error-name") ?? "unknown", message: dead("error-message") ?? "" },
    fingerprint: dead("fingerprint") ?? "",
    attempts: Number(dead("attempts") ?? 0),
    replays: Number(dead("replays") ?? 0),
    job: dead("redrive"),
    firstFailure: dead("first-failure") ?? "",
    deadSince: new Date(storedAt.timeMs).toISOString(),
    origin: { stream: dead("stream") ?? "", sequence: Number(dead("sequence") ?? 0), stored: dead("stored") ?? "" },
    eventId: message.headers.get("ce-id"),
    correlationId: message.headers.get("ce-correlationid"),
    traceparent: message.headers.get("traceparent"),
    subject,
    headers: withoutNotes(message.headers),
    body: dead("body") === undefined ? message.body : undefined,
  };
}

function withoutNotes(headers: WireHeaders): Map<string, string> {
  const kept = new Map<string, string>();
  for (const [name, value] of headers) {
    const isNote = name.startsWith(deadLetterPrefix) || name.startsWith(redriveHeaders.prefix);
    if (!isNote && !name.startsWith("nats-")) {
      kept.set(name, value);
    }
  }
  return kept;
}
