// Builds the message that keeps an event which could not be handled: the original, and why.

import { createHash } from "node:crypto";
import { ThroughlineError, type WireHeaders, type WireMessage } from "@throughline/contracts";
import { errorType } from "../telemetry/tracing.ts";
import type { Delivery, OutgoingMessage, StreamTopology, TransportConnection } from "../transport.ts";
import { originOf, originPrefix, redriveHeaders } from "./redrive-message.ts";

/** The stream of all dead letters. */
export const deadLetterStream: StreamTopology = { name: "DEAD_LETTERS", subjects: ["dead.>"] };

/** Why an event ended as a dead letter. */
export type DeadLetterReason =
  /** Headers, envelope, body or data could not be read. */
  | "unreadable"
  /** Written in a newer version than anybody who was asked knows; it was waited for. */
  | "version-unknown"
  /** The handler said that no attempt can succeed. */
  | "permanent-failure"
  /** The last attempt failed. */
  | "attempts-exhausted"
  /** Delivered again and again without an outcome: each time the process ended while it was at work. */
  | "crashed-repeatedly"
  /** The broker gave up: somebody limited the deliveries of the durable consumer. */
  | "deliveries-exhausted";

export interface DeadLetterFacts {
  readonly service: string;
  readonly subscription: string;
  readonly reason: DeadLetterReason;
  readonly error: Error;
  readonly attempts: number;
  readonly firstFailureMs: number;
}

/** How the headers of a dead letter begin that say why it is one. */
export const deadLetterPrefix = "throughline-dead-";
const prefix = deadLetterPrefix;
const maxSubjectLength = 1_024;
const maxTextLength = 1_000;
/** What must not get into a header: Unicode's class of control characters, line breaks among them. */
const controlCharacters = /\p{Cc}+/gu;

/** `dead.<service>.<subscription>.<type>.<key>`, the id deterministic: a repeated write is stored once. */
function createDeadLetter(
  delivery: Pick<Delivery, "message" | "storedAt">,
  facts: DeadLetterFacts,
  keepBody = true,
): OutgoingMessage {
  const { message } = delivery;
  const origin = originOf(delivery);
  const headers = copyHeaders(message.headers);
  const set = (name: string, value: string | number) => headers.set(prefix + name, toHeaderText(String(value)));
  set("reason", facts.reason);
  set("error-name", errorType(facts.error));
  set("error-message", facts.error.message);
  set("fingerprint", fingerprintOf(facts.error));
  set("attempts", facts.attempts);
  set("first-failure", new Date(facts.firstFailureMs).toISOString());
  set("service", facts.service);
  set("subscription", facts.subscription);
  set("subject", message.subject);
  set("stream", origin.storedAt.stream);
  set("sequence", origin.storedAt.sequence);
  set("stored", new Date(origin.storedAt.timeMs).toISOString());
  set("replays", origin.replays);
  if (origin.job !== undefined) {
    set("redrive", origin.job);
  }
  const trace = message.headers.get("traceparent");
  if (trace !== undefined) {
    set("trace", trace);
  }
  if (!keepBody) {
    set("body", "omitted: too large together with these headers; it is still in the origin stream");
  }
  return {
    subject: subjectOf(message, facts),
    headers,
    body: keepBody ? message.body : new Uint8Array(),
    messageId: `dead:${facts.service}-${facts.subscription}:${origin.storedAt.stream}:${origin.storedAt.sequence}:${origin.replays}`,
  };
}

/**
 * Resolves once the dead letter is stored. One that is too large for the server with its added headers is kept without
 * its body, which the origin still holds.
 */
export async function storeDeadLetter(
  connection: TransportConnection,
  delivery: Pick<Delivery, "message" | "storedAt">,
  facts: DeadLetterFacts,
): Promise<void> {
  try {
    await connection.publish(createDeadLetter(delivery, facts));
  } catch (error) {
    if (!(error instanceof ThroughlineError) || error.code !== "NATS_PAYLOAD_TOO_LARGE") {
      throw error;
    }
    await connection.publish(createDeadLetter(delivery, facts, false));
  }
}

function subjectOf({ subject }: WireMessage, { service, subscription }: DeadLetterFacts): string {
  const full = `dead.${service}.${subscription}.${subject}`;
  return full.length <= maxSubjectLength
    ? full
    : `dead.${service}.${subscription}.${subject.split(".", 1)[0]}.long.${shortHash(subject)}`;
}

/** Names of NATS have powers (rollup, schedule, expected sequence): kept as facts under another name, never as orders. */
function copyHeaders(original: WireHeaders): Map<string, string> {
  const headers = new Map<string, string>();
  for (const [name, value] of original) {
    if (name.startsWith("nats-")) {
      headers.set(originPrefix + name, toHeaderText(value));
    } else if (!name.startsWith(prefix) && !name.startsWith(redriveHeaders.prefix)) {
      headers.set(name, toHeaderText(value));
    }
  }
  return headers;
}

function toHeaderText(value: string): string {
  return value.slice(0, maxTextLength).toWellFormed().replace(controlCharacters, " ");
}

/** Groups dead letters of one cause: the error's type and the first stack frame that is neither Node's nor a library's. */
export function fingerprintOf(error: Error): string {
  const frames = (error.stack ?? "").split("\n").filter((line) => line.trimStart().startsWith("at "));
  const own = frames.find((line) => !line.includes("node:") && !line.includes("node_modules"));
  const place = (own ?? "").trim().replace(/\(?(?:file:\/\/)?[^\s()]*\/([^/\s]+?):\d+:\d+\)?$/, "$1");
  return shortHash(`${errorType(error)}|${place}`);
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
