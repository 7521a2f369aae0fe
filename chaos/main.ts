// `npm run chaos [-- <experiment> …] [--scale 1] [--json]`: faults against real processes on a real server.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startNatsServer } from "@throughline/servers";
import type { Experiment, ExperimentResult } from "./experiment.ts";
import { experiments } from "./experiments.ts";

const usage = `usage: npm run chaos [-- ${Object.keys(experiments).join("|")} …] [--scale 0.1] [--json]`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { scale: { type: "string", default: "1" }, json: { type: "boolean", default: false } },
  });
  const scale = Number(values.scale);
  const names = positionals.length === 0 ? Object.keys(experiments) : positionals;
  if (names.some((name) => !(name in experiments)) || !(scale > 0)) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  const results: Record<string, ExperimentResult> = {};
  for (const name of names) {
    process.stderr.write(`${name}, scale ${scale}\n`);
    results[name] = await runExperiment(experiments[name] as Experiment, scale);
  }
  process.stdout.write(values.json ? `${JSON.stringify(results)}\n` : formatResults(results));
  return Object.values(results).every(({ verdicts }) => verdicts.every(({ kept }) => kept)) ? 0 : 1;
}

async function runExperiment(experiment: Experiment, scale: number): Promise<ExperimentResult> {
  await using server = await startNatsServer();
  const folder = await mkdtemp(join(tmpdir(), "throughline-chaos-"));
  try {
    return await experiment({ server, folder, scale, report: (line) => process.stderr.write(`${line}\n`) });
  } finally {
    await rm(folder, { recursive: true });
  }
}

function formatResults(results: Record<string, ExperimentResult>): string {
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

process.exitCode = await main();
