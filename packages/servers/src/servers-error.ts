// Errors of this package: what was tried, why each try failed, and the one line that mends it.

/** One way to find a server, and why it did not lead to one. */
export interface FailedAttempt {
  readonly source: string;
  readonly reason: string;
}

export class ServersError extends Error {
  override readonly name = "ServersError";
  readonly code: "SERVERS_NOT_FOUND" | "SERVERS_START_FAILED";
  readonly attempts: readonly FailedAttempt[];

  constructor(code: ServersError["code"], message: string, attempts: readonly FailedAttempt[] = [], cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.attempts = attempts;
  }
}

/** The message of anything thrown, on one line. */
export function describe(error: unknown): string {
  return (error instanceof Error ? error.message : String(error))
    .trim()
    .replace(/\s*\n\s*/g, "; ")
    .slice(0, 400);
}
