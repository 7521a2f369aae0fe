// `throughline contracts lock`.

import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import {
  checkCompatibility,
  createLock,
  type DeclaredSystem,
  emptyLock,
  type Finding,
  formatLock,
} from "@throughline/contracts/compatibility";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { plural } from "../plural.ts";
import { paint, type Terminal } from "../terminal.ts";
import { loadDeclarations } from "./load-declarations.ts";
import { lockPathOf, readLock } from "./lock-file.ts";
import { formatFinding } from "./report-text.ts";

export interface LockOptions {
  readonly lock?: string;
  readonly acceptBreaking: boolean;
}

export async function lockContracts(
  paths: readonly string[],
  options: LockOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const { system, folder } = await loadDeclarations(paths, terminal.cwd);
  const lockPath = lockPathOf(options.lock, terminal.cwd, folder);
  const name = relative(terminal.cwd, lockPath);
  const previous = readLock(lockPath);
  const { findings } = await checkCompatibility(system, previous ?? emptyLock);
  for (const finding of findings) {
    terminal.err(`${formatFinding(finding, terminal).join("\n")}\n\n`);
  }
  if (findings.length > 0 && !options.acceptBreaking) {
    terminal.err(`${plural(findings.length, "finding")}: ${name} stays as it is. To accept them: --accept-breaking\n`);
    return exitCodes.findings;
  }
  const restarted = await eventsToRestart(system, findings);
  const text = formatLock(createLock(system, previous ?? emptyLock, restarted));
  const isNew = previous === undefined || formatLock(previous) !== text;
  if (isNew) {
    writeFileSync(lockPath, text);
  }
  const state = isNew ? "written" : "is up to date";
  terminal.out(`${paint(terminal, "green", name)} ${state}: ${plural(system.events.length, "event")}.\n`);
  return exitCodes.done;
}

/** Events that disagree with what was locked: their past is given up. What is found without any lock leaves it alone. */
async function eventsToRestart(system: DeclaredSystem, findings: readonly Finding[]): Promise<ReadonlySet<string>> {
  const { findings: unrelated } = await checkCompatibility(system, emptyLock);
  const known = new Set(unrelated.map((finding) => JSON.stringify(finding)));
  const related = findings.filter(
    (finding) => finding.rule !== "downcast-missing" && !known.has(JSON.stringify(finding)),
  );
  return new Set(related.map(({ event }) => event));
}
