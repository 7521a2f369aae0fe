// Where an event lives on NATS: `<context>.<event>.<key>` in the stream `<CONTEXT>`.

import { ThroughlineError } from "../errors/throughline-error.ts";

const namePattern = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const plainToken = /^[A-Za-z0-9_-]+$/;

/** First tokens of subjects that the toolkit uses for itself. */
const reservedContexts: ReadonlySet<string> = new Set([
  "attempts",
  "dead",
  "dead-audit",
  "journeys",
  "leases",
  "partition",
  "redrive",
  "rpc",
  "rpc-cancel",
]);

/** Characters of a key; keeps subjects far below the server's limit of 4 KiB even when each is percent-encoded. */
export const maxKeyLength = 256;

/** Whether `name` is lower-case kebab-case, as contexts, events, services and subscriptions are named. */
export function isKebabCase(name: string): boolean {
  return name.length <= 64 && namePattern.test(name);
}

/** Splits `<context>.<event>`. @throws CONTRACT_NAME_INVALID */
export function parseEventType(type: string): { readonly context: string; readonly event: string } {
  const [context, event, ...rest] = type.split(".");
  if (context === undefined || event === undefined || rest.length > 0 || !isKebabCase(context) || !isKebabCase(event)) {
    throw new ThroughlineError("CONTRACT_NAME_INVALID", `"${type}" is not "<context>.<name>".`, { details: { type } });
  }
  if (reservedContexts.has(context)) {
    throw new ThroughlineError("CONTRACT_NAME_INVALID", `"${context}" is a context of the toolkit itself.`, {
      details: { type, reserved: [...reservedContexts] },
      remedy: "Give the context another name.",
    });
  }
  return { context, event };
}

/** The stream of a bounded context: `order-items` lives in `ORDER-ITEMS`. */
export function streamOfContext(context: string): string {
  return context.toUpperCase();
}

/** The context whose events a stream of that name holds. */
export function contextOfStream(stream: string): string {
  return stream.toLowerCase();
}

/** One subject token that holds any key. @throws CONTRACT_KEY_INVALID */
export function encodeKey(key: unknown): string {
  if (typeof key !== "string" || key.length === 0 || key.length > maxKeyLength) {
    const found = typeof key === "string" ? `a string of ${key.length} characters` : String(key);
    throw new ThroughlineError(
      "CONTRACT_KEY_INVALID",
      `An event key has 1 to ${maxKeyLength} characters; found ${found}.`,
    );
  }
  if (plainToken.test(key)) {
    return key;
  }
  try {
    return encodeURIComponent(key).replace(/[.*!'()~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  } catch (cause) {
    throw new ThroughlineError("CONTRACT_KEY_INVALID", "The event key is no well-formed Unicode string.", { cause });
  }
}

/** The key in a subject token; undefined when the token is not percent-encoded UTF-8 or too long. */
export function decodeKey(token: string): string | undefined {
  if (token.length > maxKeyLength * 12) {
    return undefined;
  }
  if (!token.includes("%")) {
    return token.length <= maxKeyLength ? token : undefined;
  }
  try {
    const key = decodeURIComponent(token);
    return key.length <= maxKeyLength ? key : undefined;
  } catch {
    return undefined;
  }
}

/** `<context>.<event>.<key>`. @throws CONTRACT_KEY_INVALID */
export function subjectOfEvent(type: string, key: unknown): string {
  return `${type}.${encodeKey(key)}`;
}

/**
 * Where an event waits for its time: `<context>._scheduled.<event>.<name>`, in the stream of its context but outside of
 * what any subscription filters. A schedule of the same name takes the place of the earlier one.
 * @throws CONTRACT_KEY_INVALID
 */
export function subjectOfSchedule(type: string, name: string): string {
  const { context, event } = parseEventType(type);
  return `${context}._scheduled.${event}.${encodeKey(name)}`;
}

/** Type and encoded key of a subject; undefined when it has not exactly three tokens. */
export function parseSubject(subject: string): { readonly type: string; readonly keyToken: string } | undefined {
  const first = subject.indexOf(".");
  const second = subject.indexOf(".", first + 1);
  if (first < 1 || second < 0 || second === subject.length - 1 || subject.includes(".", second + 1)) {
    return undefined;
  }
  return { type: subject.slice(0, second), keyToken: subject.slice(second + 1) };
}
