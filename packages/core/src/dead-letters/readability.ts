// Whether today's contracts can read a dead letter: what failed as unreadable fails again, unless a contract changed.

import { type AnyEventContract, ThroughlineError } from "@throughline/contracts";
import { readMessage } from "../delivery/event-handling.ts";
import type { DeadLetter } from "./letter.ts";

/** "unchecked" where no contract of the type was given. */
export type Readability = "readable" | "unchecked" | { readonly problem: string };

export async function checkReadability(
  { subject, headers, body, type, origin }: DeadLetter,
  contracts: ReadonlyMap<string, AnyEventContract>,
): Promise<Readability> {
  if (body === undefined) {
    return { problem: "its body was too large to be kept, and the origin stream no longer holds it" };
  }
  const contract = contracts.get(type);
  if (contract === undefined) {
    return "unchecked";
  }
  try {
    const storedAt = { ...origin, timeMs: Date.parse(origin.stored) || 0 };
    await readMessage({ subject, headers, body }, storedAt, contract);
    return "readable";
  } catch (error) {
    return { problem: error instanceof ThroughlineError ? `${error.code}: ${error.message}` : String(error) };
  }
}
