// The whole reference system under faults, and the proof that the checker can see.

import { expect, test } from "vitest";
import { type PlantedBug, plantedBugs } from "../system/inside/failpoints.ts";
import { type ChaosReport, isClean, runChaos } from "../system/run-chaos.ts";
import type { Topology } from "../system/stage.ts";

interface Storm {
  readonly seed: number;
  readonly topology: Topology;
  readonly seconds: number;
  readonly drainTimeoutMs: number;
  readonly orderDeadlineMs?: number;
  readonly perSecond?: number;
  readonly faultEveryMs?: number;
  readonly bug?: PlantedBug;
}

async function survive(storm: Storm): Promise<{ readonly report: ChaosReport; readonly told: string }> {
  const lines: string[] = [];
  const report = await runChaos({
    ...{ orders: 100_000, perSecond: 20, faultEveryMs: 1_200, ...storm },
    report: (line) => lines.push(line),
    onProgress: () => undefined,
  });
  return { report, told: [...lines, JSON.stringify(report, undefined, 2)].join("\n") };
}

const minutes = 60_000;

test.each([
  { topology: "single", seed: 8, seconds: 20 },
  { topology: "cluster", seed: 11, seconds: 15 },
] as const)(
  "nothing is lost, repeated, made up, out of order or stuck: $topology",
  { timeout: 5 * minutes },
  async (storm) => {
    const { report, told } = await survive({ ...storm, drainTimeoutMs: 120_000 });
    expect(report.accepted, told).toBeGreaterThan(100);
    expect(
      Object.values(report.faults).reduce((sum, count) => sum + count, 0),
      told,
    ).toBeGreaterThan(8);
    expect(isClean(report), told).toBe(true);
  },
);

// Side by side: what is to be seen is there however slow they are.
test.concurrent.each(plantedBugs)("the checker sees a planted bug: %s", { timeout: 3 * minutes }, async (bug) => {
  // Orders that the bug loses end by their deadline; what is missing at rest is lost.
  const deadlines = { orderDeadlineMs: 8_000, drainTimeoutMs: 90_000 };
  const often = { perSecond: 6, faultEveryMs: 400 };
  const { report, told } = await survive({ bug, seed: 3, topology: "single", seconds: 14, ...deadlines, ...often });
  const effects = bug === "ack-before-commit" ? report.lost : report.phantomEffects;
  expect(effects, told).toBeGreaterThan(0);
});
