// What runs share that draw their inputs from a seed: their options, and a line now and then that says how far they are.

import { parseArgs } from "node:util";

export interface SeededRunOptions {
  readonly count: number;
  readonly seed: number;
  readonly json: boolean;
  /** `--trace`, `--verbose`: what this run calls it. */
  readonly flag: boolean;
}

const progressEveryMs = 2_000;

/** Ends the process with a usage error for anything but whole numbers from 1. */
export function readSeededRun(what: string, defaultCount: string, flag: string): SeededRunOptions {
  const { values } = parseArgs({
    options: {
      [what]: { type: "string", default: defaultCount },
      seed: { type: "string", default: "1" },
      [flag]: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  return {
    count: wholeNumber(what, values[what]),
    seed: wholeNumber("seed", values["seed"]),
    json: values["json"] === true,
    flag: values[flag] === true,
  };
}

/** Shows the text at most every two seconds. */
export function createProgress(): (text: () => string) => void {
  let lastAt = performance.now();
  return (text) => {
    if (performance.now() - lastAt > progressEveryMs) {
      lastAt = performance.now();
      process.stderr.write(`  … ${text()}\n`);
    }
  };
}

export function secondsSince(startedAt: number): number {
  return Number(((performance.now() - startedAt) / 1_000).toFixed(1));
}

function wholeNumber(name: string, text: unknown): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    process.stderr.write(`--${name} is a whole number from 1; found "${String(text)}"\n`);
    process.exit(2);
  }
  return value;
}
