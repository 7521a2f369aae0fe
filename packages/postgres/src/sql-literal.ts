// Text as a literal, for statements that travel together: those take no parameters.

import { ThroughlineError } from "@throughline/contracts";

/** Right whatever `standard_conforming_strings` says: with a backslash in it, it is an escape string. */
export function quoteLiteral(text: string): string {
  if (text.includes("\u0000")) {
    throw new ThroughlineError("STORE_TRANSACTION_INVALID", "The text holds a NUL, which Postgres does not keep.");
  }
  const quoted = text.replaceAll("'", "''");
  return text.includes("\\") ? ` E'${quoted.replaceAll("\\", "\\\\")}'` : `'${quoted}'`;
}
