// Runs the engine of delivery through schedules of faults, each drawn from a seed, and shows the first that breaks a
// promise, step by step.
//
//   npm run simulate -- [--schedules 10000] [--seed 1] [--trace] [--json]

import { parseArgs } from "node:util";
import { type SimulationResult, simulateDelivery } from "@throughline/testing";

const { values } = parseArgs({
  options: {
    schedules: { type: "string", default: "10000" },
    seed: { type: "string", default: "1" },
    trace: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const [schedules, firstSeed] = [wholeNumber("schedules", values.schedules), wholeNumber("seed", values.seed)];
const progressEveryMs = 2_000;

const startedAt = performance.now();
let lastProgressAt = startedAt;
const broken: SimulationResult[] = [];
for (let seed = firstSeed; seed < firstSeed + schedules; seed++) {
  const result = await simulateDelivery(seed);
  if (result.violations.length > 0) {
    broken.push(result);
  }
  if (result.violations.length > 0 || values.trace) {
    process.stderr.write(`${result.trace.join("\n")}\n`);
    process.stderr.write(`seed ${seed}: ${result.violations.join("; ") || "every promise kept"}\n`);
  }
  if (broken.length >= 5) {
    break;
  }
  if (performance.now() - lastProgressAt > progressEveryMs) {
    lastProgressAt = performance.now();
    process.stderr.write(`  … ${seed - firstSeed + 1} of ${schedules} schedules\n`);
  }
}
const seconds = Number(((performance.now() - startedAt) / 1_000).toFixed(1));
const failures = broken.map(({ seed, violations }) => ({ seed, violations }));
if (values.json) {
  process.stdout.write(`${JSON.stringify({ schedules, firstSeed, seconds, failures })}\n`);
} else {
  const outcome =
    broken.length === 0
      ? `every promise kept in ${schedules} schedules`
      : `promises broken by the seeds ${broken.map(({ seed }) => seed).join(", ")}; repeat one with --seed N --schedules 1`;
  process.stdout.write(`${outcome}, ${seconds} s\n`);
}
process.exitCode = broken.length === 0 ? 0 : 1;

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    process.stderr.write(`--${name} is a whole number from 1; found "${text}"\n`);
    process.exit(2);
  }
  return value;
}
