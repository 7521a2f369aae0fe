// Whether size changes anything: a million messages through one subscription against a hundred thousand, and whether
// resident memory stays flat meanwhile. Raw nats.js and ours in a process of their own each, on one server.

import { fileURLToPath } from "node:url";
import { startNatsServer } from "@throughline/servers";
import { fillStream } from "./fill-stream.ts";
import type { SampledRun } from "./memory/sampled-run.ts";
import { runScript } from "./run-script.ts";
import { round } from "./statistics.ts";

export interface MemoryFigures {
  /** Messages a second in a small run and in the large one. */
  readonly small: number;
  readonly million: number;
  readonly millionRatio: number;
  readonly rssHalfwayMb: number;
  readonly rssEndMb: number;
  readonly rssSlopePercent: number;
  readonly rawRssHalfwayMb: number;
  readonly rawRssEndMb: number;
  readonly rawRssSlopePercent: number;
}

const smallCount = 100_000;
const largeCount = 1_000_000;

export async function measureMemory(): Promise<MemoryFigures> {
  await using server = await startNatsServer();
  await fillStream(server.url, largeCount);
  const raw = await runReader("raw-reader", server.url);
  const ours = await runReader("throughline-reader", server.url);
  return {
    small: ours.small,
    million: ours.large,
    millionRatio: round(ours.large / ours.small),
    rssHalfwayMb: ours.rssHalfwayMb,
    rssEndMb: ours.rssEndMb,
    rssSlopePercent: ours.rssSlopePercent,
    rawRssHalfwayMb: raw.rssHalfwayMb,
    rawRssEndMb: raw.rssEndMb,
    rawRssSlopePercent: raw.rssSlopePercent,
  };
}

async function runReader(name: string, url: string): Promise<SampledRun> {
  const script = fileURLToPath(new URL(`./memory/${name}.ts`, import.meta.url));
  const env = { PATH: process.env["PATH"], NATS_URL: url };
  return JSON.parse(await runScript(script, [String(smallCount), String(largeCount)], env)) as SampledRun;
}
