// Runs the engine of delivery through schedules of faults, each drawn from a seed, and shows the first that breaks a
// promise, step by step.
//
//   npm run simulate -- [--schedules 10000] [--seed 1] [--trace] [--json]

import { type SimulationResult, simulateDelivery } from "@throughline/testing";
import { createProgress, readSeededRun, secondsSince } from "./seeded-run.ts";

const { count: schedules, seed: firstSeed, flag: isTraced, json } = readSeededRun("schedules", "10000", "trace");
const maxBroken = 5;

const startedAt = performance.now();
const showProgress = createProgress();
const broken: SimulationResult[] = [];
for (let seed = firstSeed; seed < firstSeed + schedules && broken.length < maxBroken; seed++) {
  const result = await simulateDelivery(seed);
  if (result.violations.length > 0) {
    broken.push(result);
  }
  if (result.violations.length > 0 || isTraced) {
    process.stderr.write(`${result.trace.join("\n")}\n`);
    process.stderr.write(`seed ${seed}: ${result.violations.join("; ") || "every promise kept"}\n`);
  }
  showProgress(() => `${seed - firstSeed + 1} of ${schedules} schedules`);
}
const seconds = secondsSince(startedAt);
const failures = broken.map(({ seed, violations }) => ({ seed, violations }));
if (json) {
  process.stdout.write(`${JSON.stringify({ schedules, firstSeed, seconds, failures })}\n`);
} else {
  const outcome =
    broken.length === 0
      ? `every promise kept in ${schedules} schedules`
      : `promises broken by the seeds ${broken.map(({ seed }) => seed).join(", ")}; repeat one with --seed N --schedules 1`;
  process.stdout.write(`${outcome}, ${seconds} s\n`);
}
process.exitCode = broken.length === 0 ? 0 : 1;
