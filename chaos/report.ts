// What chaos tells: a line that moves while it runs, and tables for people at the end.

import type { ExperimentResult } from "./experiments/experiment.ts";
import { violationKinds } from "./system/judgement/violation.ts";
import { type ChaosReport, isClean } from "./system/run-chaos.ts";

const everyLines = 10;

/** One line that is written over on a terminal; elsewhere every tenth of them, so that a log stays short. */
export class ProgressLine implements Disposable {
  #shown = 0;

  show(text: string): void {
    this.#shown++;
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\u001b[2K${text}`);
    } else if (this.#shown % everyLines === 0) {
      process.stderr.write(`${text}\n`);
    }
  }

  say(text: string): void {
    process.stderr.write(process.stderr.isTTY ? `\r\u001b[2K${text}\n` : `${text}\n`);
  }

  [Symbol.dispose](): void {
    if (process.stderr.isTTY && this.#shown > 0) {
      process.stderr.write("\r\u001b[2K");
    }
  }
}

export function formatReport(report: ChaosReport): string {
  const faults = Object.entries(report.faults).map(([kind, count]) => `${kind} ${count}`);
  const figures: readonly (readonly [string, string | number])[] = [
    ["orders placed", report.orders],
    ["accepted", report.accepted],
    ["confirmed", report.confirmed],
    ["cancelled", report.cancelled],
    ["seconds", report.seconds],
    ["at rest after", report.drainMs === null ? "never" : `${(report.drainMs / 1_000).toFixed(1)} s`],
    ["dead letters redriven", report.redriven],
    ["notifications dropped", report.droppedNotifications],
    ...violationKinds.map((kind) => [kind, report[kind]] as const),
  ];
  return [
    `seed ${report.seed}, ${report.topology}: ${isClean(report) ? "nothing found" : "BROKEN"}`,
    ...figures.map(([name, value]) => `  ${name.padEnd(24)}${String(value).padStart(10)}`),
    `  faults: ${faults.join(", ")}`,
    ...report.findings.map((finding) => `  ${finding}`),
    "",
  ].join("\n");
}

export function formatExperiments(results: Readonly<Record<string, ExperimentResult>>): string {
  return Object.entries(results)
    .map(([name, { figures, verdicts }]) => {
      const rows = Object.entries(figures).map(
        ([figure, value]) => `  ${figure.padEnd(28)}${String(value).padStart(12)}`,
      );
      const kept = verdicts.map((one) => `  ${one.kept ? "kept  " : "BROKEN"} ${one.promise}: ${one.found}`);
      return `${name}\n${[...rows, ...kept].join("\n")}\n`;
    })
    .join("\n");
}
