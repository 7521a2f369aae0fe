// Every experiment at a small scale; `npm run chaos` runs them in full.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNatsServer } from "@throughline/servers";
import { expect, test } from "vitest";
import { experiments } from "../experiments/experiments.ts";

/**
 * How long a dead process costs makes up most of the time, whatever the scale. `recovery` measures times and has no smaller
 * scale: it runs at night.
 */
const scales = { order: 0.05, outage: 0.05, poison: 0.05, redrive: 0.05 };

test.each(Object.entries(scales))("keeps its promises: %s", { timeout: 240_000 }, async (name, scale) => {
  await using server = await startNatsServer();
  const folder = await mkdtemp(join(tmpdir(), "throughline-chaos-"));
  const lines: string[] = [];
  try {
    const result = await experiments[name]?.({ server, folder, scale, report: (line) => lines.push(line) });
    const broken = result?.verdicts.filter(({ promise, kept }) => !kept && !promise.startsWith("p99"));
    expect(broken, [...lines, JSON.stringify(result?.figures)].join("\n")).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
