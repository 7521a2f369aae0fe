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
const scale = 0.05;

async function keepsItsPromises(name: string): Promise<void> {
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
}

// Side by side, each on a server of its own: they wait for dead processes most of the time, and promise no times here.
test.concurrent.each(["order", "poison"])("keeps its promises: %s", { timeout: 240_000 }, keepsItsPromises);

test.each(["outage", "redrive"])("keeps its promises: %s", { timeout: 240_000 }, keepsItsPromises);
