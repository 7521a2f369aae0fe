// Errors of Postgres and its drivers, told apart by what can be done about them.
// @see https://www.postgresql.org/docs/current/errcodes-appendix.html

import { ThroughlineError } from "@throughline/contracts";

/** Serialization failure, deadlock, lock not available. */
const conflicts: ReadonlySet<string> = new Set(["40001", "40P01", "55P03"]);
/** Shutdown, crash, stood still for too long, too many connections, and what the network says. */
const absences: ReadonlySet<string> = new Set([
  "25P03",
  "57P01",
  "57P02",
  "57P03",
  "53300",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "CONNECTION_CLOSED",
  "CONNECTION_ENDED",
  "CONNECTION_DESTROYED",
]);
const connectionClass = "08";
/** `pg` gives these errors no code. */
const lostConnection =
  /^(?:Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed)/;

/** STORE_CONFLICT or STORE_UNAVAILABLE for what may pass, with its cause; anything else stays what it is. */
export function translateError(error: unknown): unknown {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const text = typeof message === "string" ? message : String(error);
  if (typeof code === "string" && conflicts.has(code)) {
    return new ThroughlineError("STORE_CONFLICT", `Another transaction was in the way: ${text}`, {
      details: { sqlState: code },
      cause: error,
    });
  }
  const isAway = typeof code === "string" && (absences.has(code) || code.startsWith(connectionClass));
  if (isAway || lostConnection.test(text)) {
    return new ThroughlineError("STORE_UNAVAILABLE", `Postgres does not answer: ${text || code}`, {
      details: { ...(typeof code === "string" && { sqlState: code }) },
      cause: error,
    });
  }
  return error;
}
