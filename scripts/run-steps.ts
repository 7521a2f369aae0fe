// Runs commands one after another with this Node, says what runs and how long it took, and stops at the first failure.

import { spawn } from "node:child_process";

export interface Step {
  readonly name: string;
  /** A script and its arguments. */
  readonly command: readonly string[];
}

export async function runSteps(steps: readonly Step[]): Promise<void> {
  const startedAt = performance.now();
  for (const { name, command } of steps) {
    const stepStartedAt = performance.now();
    process.stderr.write(`▸ ${name}\n`);
    const exitCode = await runScript(command);
    if (exitCode !== 0) {
      process.stderr.write(`✗ ${name} (exit code ${exitCode})\n`);
      process.exitCode = exitCode;
      break;
    }
    process.stderr.write(`✓ ${name}, ${seconds(stepStartedAt)}\n`);
  }
  if (process.exitCode === undefined) {
    process.stderr.write(`All passed in ${seconds(startedAt)}.\n`);
  }
}

function runScript(command: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, ["--conditions=throughline-source", ...command], { stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => child.kill(signal));
  }
  return new Promise((resolve) => child.once("exit", (code) => resolve(code ?? 1)));
}

function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1_000).toFixed(1)} s`;
}
