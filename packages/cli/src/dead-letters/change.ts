// `throughline dead-letters redrive` and `discard`: tell what they would do, and do it with --yes.

import type { RedriveReport } from "@throughline/core";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { plural } from "../plural.ts";
import { Progress, paint, type Terminal } from "../terminal.ts";
import { type FilterOptions, toFilter } from "./filter-options.ts";
import { type LettersOptions, loadContracts, openLetters } from "./open-letters.ts";

export interface RedriveCommandOptions extends LettersOptions, FilterOptions {
  readonly yes: boolean;
  readonly force: boolean;
  readonly continueOnFailure: boolean;
  readonly module: readonly string[];
}

export async function redriveLetters(options: RedriveCommandOptions, terminal: Terminal): Promise<ExitCode> {
  const { yes, force, continueOnFailure, module, json } = options;
  const { signal, cwd } = terminal;
  const contracts = await loadContracts(module, cwd);
  await using letters = await openLetters(options, contracts);
  const progress = new Progress(terminal);
  const report = await letters
    .redrive(toFilter(options), {
      dryRun: !yes,
      force,
      continueOnFailure,
      ...(signal && { signal }),
      onProgress: ({ redriven, handled, failed }) =>
        progress.show(() => `${redriven} redriven, ${handled} handled, ${failed} failed again`),
    })
    .finally(() => progress.end());
  terminal.out(json ? `${JSON.stringify(report)}\n` : formatRedrive(report, contracts.length > 0, terminal));
  if (report.state === "cancelled") {
    return exitCodes.interrupted;
  }
  const isWell = report.failed === 0 && report.state !== "stopped" && (report.unreadable === 0 || force);
  return isWell ? exitCodes.done : exitCodes.findings;
}

function formatRedrive(report: RedriveReport, isChecked: boolean, terminal: Terminal): string {
  const { state, matching, redriven, handled, failed, unreadable, problems, failures, job } = report;
  const unreadables = problems.map(({ sequence, problem }) => `  #${sequence}  ${paint(terminal, "red", problem)}`);
  if (state === "dry-run") {
    const readable = matching - unreadable;
    const unread = isChecked
      ? `${unreadable} cannot be read by today's contracts`
      : "whether today's contracts can read them was not checked (--module names some)";
    return `${[
      ...unreadables,
      `${plural(matching, "dead letter")}: ${readable} would be redriven, ${unread}.`,
      ...(readable > 0 ? ["Nothing was changed. Next: the same with --yes"] : []),
    ].join("\n")}\n`;
  }
  return `${[
    ...unreadables,
    ...failures.map((sequence) => `  #${sequence}  ${paint(terminal, "red", "failed again")}`),
    `${state}: ${redriven} of ${matching} redriven, ${handled} handled, ${failed} failed again, ${unreadable} left unread.`,
    `Job ${job}`,
  ].join("\n")}\n`;
}

export interface DiscardCommandOptions extends LettersOptions, FilterOptions {
  readonly yes: boolean;
  readonly reason: string;
  readonly because: string;
}

export async function discardLetters(options: DiscardCommandOptions, terminal: Terminal): Promise<ExitCode> {
  const { yes, because, json } = options;
  await using letters = await openLetters(options);
  const filter = toFilter(options);
  if (!yes) {
    const { matching } = await letters.redrive(filter, { dryRun: true });
    terminal.out(
      json
        ? `${JSON.stringify({ matching, discarded: 0 })}\n`
        : `${plural(matching, "dead letter")} would be deleted for good.\nNothing was changed. Next: the same with --yes\n`,
    );
    return exitCodes.done;
  }
  const report = await letters.discard(filter, { reason: because });
  terminal.out(
    json ? `${JSON.stringify(report)}\n` : `${plural(report.discarded, "dead letter")} deleted. Job ${report.job}\n`,
  );
  return exitCodes.done;
}
