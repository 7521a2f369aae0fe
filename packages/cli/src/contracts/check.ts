// `throughline contracts check`.

import { relative } from "node:path";
import { type CompatibilityReport, checkCompatibility, emptyLock } from "@throughline/contracts/compatibility";
import { checkStoredEvents, type StoredEventsCheck } from "@throughline/core";
import { nats } from "@throughline/nats";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { Progress, type Terminal } from "../terminal.ts";
import { type Declarations, loadDeclarations } from "./load-declarations.ts";
import { lockPathOf, readLock } from "./lock-file.ts";
import { formatForGithub } from "./report-github.ts";
import { formatAsText } from "./report-text.ts";

export interface CheckOptions {
  readonly lock?: string;
  readonly against?: string;
  readonly format: "text" | "json" | "github";
}

/** All that was found out. */
export interface CheckReport extends CompatibilityReport {
  /** Whether nobody breaks. */
  readonly ok: boolean;
  readonly lock: { readonly path: string; readonly exists: boolean };
  /** Only with `--against`. */
  readonly stored?: StoredEventsCheck;
}

export async function checkContracts(
  paths: readonly string[],
  options: CheckOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const declarations = await loadDeclarations(paths, terminal.cwd);
  const lockPath = lockPathOf(options.lock, terminal.cwd, declarations.folder);
  const lock = readLock(lockPath);
  const compared = await checkCompatibility(declarations.system, lock ?? emptyLock);
  const stored = options.against === undefined ? undefined : await readStored(declarations, options.against, terminal);
  const report: CheckReport = {
    ok: compared.findings.length === 0 && (stored?.unreadable.length ?? 0) === 0,
    ...compared,
    lock: { path: relative(terminal.cwd, lockPath), exists: lock !== undefined },
    ...(stored !== undefined && { stored }),
  };
  terminal.out(formats[options.format](report, terminal));
  if (!report.ok) {
    return exitCodes.findings;
  }
  return report.isLocked ? exitCodes.done : exitCodes.outdated;
}

const formats = {
  text: formatAsText,
  json: (report: CheckReport) => `${JSON.stringify(report, undefined, 2)}\n`,
  github: formatForGithub,
} as const;

async function readStored({ system }: Declarations, url: string, terminal: Terminal): Promise<StoredEventsCheck> {
  const progress = new Progress(terminal);
  try {
    return await checkStoredEvents({
      transport: nats({ servers: url, connectTimeoutMs: 5_000 }),
      contracts: system.events.map(({ contract }) => contract),
      onProgress: ({ stream, sequence, last }) =>
        progress.show(() => `reading ${stream}: ${sequence.toLocaleString("en")} of ${last.toLocaleString("en")}`),
    });
  } finally {
    progress.end();
  }
}
