// Compares procedures with what is deployed: a question is asked and answered by services of different ages, and stored by
// nobody.

import type { ContractLock, LockedProcedure } from "./contract-lock.ts";
import { createLock, emptyLock } from "./contract-lock.ts";
import type { DeclaredProcedure } from "./declared-system.ts";
import { type Finding, findingOfProcedure } from "./finding.ts";
import { findRejections } from "./rejections.ts";

export function checkProcedures(procedures: readonly DeclaredProcedure[], lock: ContractLock): readonly Finding[] {
  const current = createLock({ events: [], procedures }, emptyLock).procedures;
  return Object.entries(lock.procedures).flatMap(([name, deployed]) => {
    const today = current[name];
    return today === undefined ? [removedProcedure(name, deployed)] : compareProcedure(name, deployed, today);
  });
}

/** A request is written by callers and read by servers, a reply the other way round. */
function compareProcedure(name: string, deployed: LockedProcedure, today: LockedProcedure): readonly Finding[] {
  return (["request", "reply"] as const).flatMap((part) => {
    const readersOf = ({ callers, servers }: LockedProcedure) => (part === "request" ? servers : callers);
    const backward = { name, part, direction: "backward", breaks: readersOf(today) } as const;
    const forward = { name, part, direction: "forward", breaks: readersOf(deployed) } as const;
    return [
      ...findRejections(deployed[part], today[part]).map((rejection) => findingOfProcedure(rejection, backward)),
      ...findRejections(today[part], deployed[part]).map((rejection) => findingOfProcedure(rejection, forward)),
    ];
  });
}

function removedProcedure(name: string, { callers }: LockedProcedure): Finding {
  return {
    rule: "procedure-removed",
    event: name,
    version: null,
    direction: "backward",
    pointer: "",
    expected: "a declaration",
    found: "none",
    breaks: callers,
    fix: "Keep it while anybody who asks is deployed. Then accept it with `throughline contracts lock --accept-breaking`.",
  };
}
