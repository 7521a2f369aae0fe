// The one error class of the toolkit: a stable code for programs, a remedy for people.

import { type ErrorCode, errorCodes } from "./error-codes.ts";

export interface ThroughlineErrorOptions {
  /** Facts for the reader and for programs: what was expected, what was found, where. Never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Replaces the general remedy of the code where the place of the error knows a better one. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

/** Every error that the toolkit itself raises. Switch on `code`; show `message` and `remedy` to people. */
export class ThroughlineError extends Error {
  override readonly name = "ThroughlineError";
  readonly code: ErrorCode;
  /** Whether the same call can succeed later without a change by a person. */
  readonly retryable: boolean;
  readonly remedy: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ThroughlineErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = errorCodes[code].retryable;
    this.remedy = options.remedy ?? errorCodes[code].remedy;
    this.details = options.details ?? {};
  }
}
