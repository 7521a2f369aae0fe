// What an error means for the event at hand and for what the handler depends on.

import { ThroughlineError } from "@throughline/contracts";

export type FailureKind =
  /** It may pass: another attempt follows, and a breaker counts it. */
  | "retryable"
  /** No attempt can succeed: the event becomes a dead letter at once. A breaker takes it for an answer. */
  | "permanent"
  /** A business outcome that happens to be thrown: the event is done. A breaker takes it for an answer. */
  | "expected";

/** Throw it from a handler when no further attempt can succeed: the event goes to the dead letters at once. */
export class PermanentError extends Error {
  override readonly name = "PermanentError";
}

/** Throw it from a handler when there is nothing left to do: the event is acknowledged, the reason is recorded. */
export class ExpectedError extends Error {
  override readonly name = "ExpectedError";
}

/** What an error means where a policy does not say otherwise. */
export function classifyError(error: Error): FailureKind {
  if (error instanceof PermanentError) {
    return "permanent";
  }
  return error instanceof ExpectedError ? "expected" : "retryable";
}

/** How long an open circuit in front of a dependency lets nobody through; undefined for any other error. */
export function circuitOpenForMs(error: unknown): number | undefined {
  return error instanceof ThroughlineError && error.code === "BUS_CIRCUIT_OPEN"
    ? Number(error.details["retryAfterMs"] ?? 0)
    : undefined;
}
