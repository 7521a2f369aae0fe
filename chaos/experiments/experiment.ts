// The form of an experiment: real processes on a real server, something bad happens, and figures tell what came of it.

import type { NatsServer } from "@throughline/servers";

export interface ExperimentParts {
  readonly server: NatsServer;
  /** For files of this run; goes away afterwards. */
  readonly folder: string;
  /** 1 is the full size; smaller ones take less time and prove less. */
  readonly scale: number;
  readonly report: (line: string) => void;
}

export interface Verdict {
  readonly promise: string;
  readonly kept: boolean;
  readonly found: string;
}

export interface ExperimentResult {
  readonly figures: Readonly<Record<string, number | string>>;
  readonly verdicts: readonly Verdict[];
}

export type Experiment = (parts: ExperimentParts) => Promise<ExperimentResult>;

export function verdict(promise: string, kept: boolean, found: unknown): Verdict {
  return { promise, kept, found: typeof found === "string" ? found : JSON.stringify(found) };
}

/** The value below which `share` of the values lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
