// `npm run chaos`: faults against real processes. Without a name the whole reference system, and afterwards a judgement of
// everything that it wrote down; with a name one experiment on a single promise.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNatsServer } from "@throughline/servers";
import { type ChaosCommand, readCommand, usage } from "./command-line.ts";
import type { Experiment, ExperimentResult } from "./experiments/experiment.ts";
import { experiments } from "./experiments/experiments.ts";
import { formatExperiments, formatReport, ProgressLine } from "./report.ts";
import { type ChaosReport, isClean, runChaos } from "./system/run-chaos.ts";

const exitCodes = { kept: 0, broken: 1, usage: 2 } as const;

async function main(): Promise<number> {
  const command = readCommand(process.argv.slice(2));
  if ("problem" in command) {
    process.stderr.write(`${command.problem}\n\n${usage}\n`);
    return exitCodes.usage;
  }
  if (command.help) {
    process.stdout.write(`${usage}\n`);
    return exitCodes.kept;
  }
  return command.experiments.length > 0 ? await runExperiments(command) : await runRounds(command);
}

/** One run, or, with `--full`, one after the other until the time is up: another seed each, single server and cluster. */
async function runRounds(command: ChaosCommand): Promise<number> {
  const startedAt = performance.now();
  const reports: ChaosReport[] = [];
  for (let round = 0; round === 0 || (command.full && performance.now() - startedAt < command.fullMs); round++) {
    const report = await runRound(command, round);
    reports.push(report);
    process.stdout.write(command.json ? `${JSON.stringify(report)}\n` : formatReport(report));
  }
  return reports.every(isClean) ? exitCodes.kept : exitCodes.broken;
}

async function runRound(command: ChaosCommand, round: number): Promise<ChaosReport> {
  const { seconds, orders, perSecond, faultEveryMs, drainTimeoutMs, bug } = command;
  const topology = command.full ? (["single", "cluster"] as const)[round % 2] : command.topology;
  const seed = command.seed + round;
  using line = new ProgressLine();
  line.say(`seed ${seed}, ${topology}${bug ? `, planted bug: ${bug}` : ""}; again with --seed ${seed}`);
  return await runChaos({
    ...{ seed, topology: topology ?? "single", seconds, orders, perSecond, faultEveryMs, drainTimeoutMs, bug },
    report: (text) => line.say(`  ${text}`),
    onProgress: ({ elapsedMs, placed, accepted, faults }) =>
      line.show(`${Math.round(elapsedMs / 1_000)} s, ${placed} orders, ${accepted} accepted, ${faults} faults`),
  });
}

async function runExperiments({ experiments: names, scale, json }: ChaosCommand): Promise<number> {
  const results: Record<string, ExperimentResult> = {};
  for (const name of names) {
    process.stderr.write(`${name}, scale ${scale}\n`);
    results[name] = await runExperiment(experiments[name] as Experiment, scale);
  }
  process.stdout.write(json ? `${JSON.stringify(results)}\n` : formatExperiments(results));
  const isKept = Object.values(results).every(({ verdicts }) => verdicts.every(({ kept }) => kept));
  return isKept ? exitCodes.kept : exitCodes.broken;
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

process.exitCode = await main();
