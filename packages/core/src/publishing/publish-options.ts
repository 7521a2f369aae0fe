// What a publisher may say about one publication, and what it may not.

import { type EventEnvelope, type HeaderList, ThroughlineError } from "@throughline/contracts";
import type { Schedule } from "./schedule.ts";

export interface PublishOptions {
  /**
   * The event that this one follows from, published outside of its handler: a deadline that passed, a decision of a person.
   * It joins that journey; its trace begins anew, linked to the old one, since it may come much later. Handlers publish as
   * effects of what they handle without saying so.
   */
  readonly causedBy?: EarlierEvent;
  /**
   * The event's id, at most 256 printable characters without spaces. Default: a new UUIDv7, or one derived from the
   * event that a handler handles. Give the id of an earlier publication to repeat that one safely.
   */
  readonly id?: string;
  /**
   * Further headers, which handlers find in `context.headers` under their lower-case names. Names that NATS, CloudEvents,
   * tracing or this toolkit use are refused (`nats-`, `ce-`, `trace`, `throughline-`).
   */
  readonly headers?: Readonly<Record<string, string>>;
  /** Publish later, or again and again. Default: now. */
  readonly schedule?: Schedule;
  /**
   * Publish when this transaction of yours commits, and not at all if it does not: one of `pg`, postgres.js, Kysely, Drizzle
   * or PGlite. Needs a store. Handlers of a service with a store publish within theirs without saying so.
   */
  readonly transaction?: object;
  /** In a handler with a store: publish now, whatever becomes of the transaction. Default false. */
  readonly direct?: boolean;
}

/** What has to be kept of an event, to publish what follows from it some day. */
export type EarlierEvent = Pick<EventEnvelope, "id" | "key" | "correlationId" | "traceparent" | "tracestate">;

export interface PublishAllOptions {
  /**
   * All or nothing: the stream stores every event, side by side, or none. One context, at most 1,000 events, nothing
   * scheduled; needs nats-server 2.12. Default false: each event is stored by itself.
   */
  readonly atomic?: boolean;
}

const reservedName = /^(?:nats-|ce-|trace|throughline-|content-type$|status$|description$)/;
const validName = /^[!-9;-~]{1,128}$/;
const invalidValue = /\p{Cc}/u;
const maxValueLength = 4_096;
const maxHeaders = 64;
const validId = /^[!-~]{1,256}$/;

/** @throws BUS_PUBLISH_INVALID */
export function requireValidId(id: string): string {
  if (!validId.test(id)) {
    throw invalidOption("`id` has 1 to 256 printable characters without spaces", id);
  }
  return id;
}

/** Adds the user's headers in lower case. @throws BUS_HEADER_RESERVED, BUS_PUBLISH_INVALID */
export function addUserHeaders(headers: HeaderList, added: Readonly<Record<string, string>>): void {
  const entries = Object.entries(added);
  if (entries.length > maxHeaders) {
    throw invalidOption(`at most ${maxHeaders} headers`, `${entries.length} headers`);
  }
  for (const [written, value] of entries) {
    const name = written.toLowerCase();
    if (!validName.test(name)) {
      throw invalidOption("a header's name has 1 to 128 printable characters without colon", written);
    }
    if (reservedName.test(name)) {
      throw new ThroughlineError("BUS_HEADER_RESERVED", `The header "${written}" belongs to the system.`, {
        details: { header: written },
      });
    }
    if (typeof value !== "string" || value.length > maxValueLength || invalidValue.test(value)) {
      throw invalidOption(`the value of ${written} is text of at most ${maxValueLength} characters on one line`, value);
    }
    headers.set(name, value);
  }
}

function invalidOption(expected: string, found: unknown): ThroughlineError {
  return new ThroughlineError("BUS_PUBLISH_INVALID", `An option of publish is invalid: ${expected}.`, {
    details: { expected, found: String(found).slice(0, 200) },
  });
}
