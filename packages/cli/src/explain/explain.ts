// `throughline explain CODE`: what an error means and what to do.

import { type ErrorCode, errorCodes } from "@throughline/contracts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { paint, type Terminal } from "../terminal.ts";

/** Where an error arises, by the first part of its code. */
const places: Readonly<Record<string, string>> = {
  CONTRACT: "in a contract, or in data that do not fit one",
  BUS: "in a service: its declaration, its policies, its handlers",
  STORE: "between a service and its database",
  NATS: "between a service and the broker",
};

export function explainCode(
  code: string,
  { json }: { readonly json: boolean },
  { out, err, ...terminal }: Terminal,
): ExitCode {
  const wanted = code.toUpperCase();
  const entry = Object.hasOwn(errorCodes, wanted) ? errorCodes[wanted as ErrorCode] : undefined;
  if (entry === undefined) {
    const similar = Object.keys(errorCodes).filter((known) => shareWords(known, wanted));
    err(`There is no error ${wanted}.${similar.length > 0 ? ` Did you mean ${similar.join(", ")}?` : ""}\n`);
    return exitCodes.usage;
  }
  const [place = ""] = wanted.split("_");
  const { retryable, remedy } = entry;
  if (json) {
    out(`${JSON.stringify({ code: wanted, retryable, remedy })}\n`);
    return exitCodes.done;
  }
  const painted = paint({ out, err, ...terminal }, "bold", wanted);
  const again = retryable ? "The same call can succeed later, without a change." : "Trying again does not help.";
  out(`${painted}  arises ${places[place] ?? ""}\n\n${again}\n${remedy}\n`);
  return exitCodes.done;
}

function shareWords(known: string, wanted: string): boolean {
  const words = new Set(wanted.split("_"));
  return (
    known.split("_").filter((word) => words.has(word)).length >= 2 || (wanted.length > 3 && known.includes(wanted))
  );
}
