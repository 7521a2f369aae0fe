// One run: customers order, everything breaks, everything is mended, and then everything that was written down is compared.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drain } from "./drain.ts";
import { gatherEvidence } from "./evidence.ts";
import type { PlantedBug } from "./inside/failpoints.ts";
import { checkEvidence } from "./judgement/check-evidence.ts";
import { type ViolationKind, violationKinds } from "./judgement/violation.ts";
import { Nemesis } from "./nemesis.ts";
import { OrderLoad } from "./order-load.ts";
import { buildStage, type Topology } from "./stage.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly topology: Topology;
  /** How long customers order and things break. Whichever of the two comes first ends it. */
  readonly seconds: number;
  readonly orders: number;
  readonly perSecond: number;
  readonly faultEveryMs: number;
  /** How long all of it may take to come to rest afterwards. */
  readonly drainTimeoutMs: number;
  /** After which an order that nobody paid is cancelled. Default 40,000 ms. */
  readonly orderDeadlineMs?: number;
  readonly bug?: PlantedBug | undefined;
  /** Each fault, and what else is worth a line. */
  readonly report: (line: string) => void;
  readonly onProgress: (progress: ChaosProgress) => void;
}

export interface ChaosProgress {
  readonly elapsedMs: number;
  readonly placed: number;
  readonly accepted: number;
  readonly faults: number;
}

export type ChaosReport = Readonly<Record<ViolationKind, number>> & {
  readonly seed: number;
  readonly topology: Topology;
  readonly orders: number;
  readonly accepted: number;
  readonly confirmed: number;
  readonly cancelled: number;
  readonly seconds: number;
  readonly faults: Readonly<Record<string, number>>;
  /** From the last fault being mended to rest. `null`: it did not come to rest in time. */
  readonly drainMs: number | null;
  readonly redriven: number;
  readonly droppedNotifications: number;
  /** Examples, at most 20 of each kind. */
  readonly findings: readonly string[];
};

const progressEveryMs = 1_000;
const standardDeadlineMs = 40_000;
const customerPatienceMs = 60_000;
const findingsOfKind = 20;

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, topology, bug, report, orderDeadlineMs = standardDeadlineMs } = options;
  const folder = await mkdtemp(join(tmpdir(), "throughline-chaos-"));
  try {
    const stock = {
      "coffee-beans": 10_000_000,
      "filter-paper": 10_000_000,
      "espresso-machine": 10_000_000,
      // Enough for some of those who want one.
      "hand-grinder": Math.ceil(options.orders / 30),
    };
    await using stage = await buildStage({ folder, topology, bug, stock, orderDeadlineMs });
    const load = new OrderLoad({
      gatewayUrl: stage.gatewayUrl,
      seed,
      perSecond: options.perSecond,
      maxOrders: options.orders,
    });
    const nemesis = new Nemesis({ stage, seed, everyMs: options.faultEveryMs, report });
    const startedAt = performance.now();
    load.start();
    nemesis.start();
    const progress = setInterval(() => {
      const elapsedMs = performance.now() - startedAt;
      options.onProgress({ elapsedMs, placed: load.placements.length, accepted: load.accepted, faults: nemesis.total });
    }, progressEveryMs);
    try {
      while (!load.isComplete && performance.now() - startedAt < options.seconds * 1_000) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      await nemesis.stop();
      const seconds = Math.round((performance.now() - startedAt) / 1_000);
      const mendedAt = performance.now();
      await load.stop(customerPatienceMs);
      const customersMs = performance.now() - mendedAt;
      const { drainMs, left, redriven } = await drain(stage, { timeoutMs: options.drainTimeoutMs, report });
      report(
        drainMs === undefined ? `not at rest: ${left.join("; ")}` : `at rest after ${Math.round(drainMs / 1_000)} s`,
      );
      const evidence = await gatherEvidence(stage, load.placements, drainMs !== undefined);
      const { violations, dropped } = checkEvidence(evidence);
      const count = (kind: ViolationKind) => violations.filter((violation) => violation.kind === kind).length;
      const ended = (end: string) => [...evidence.orders.values()].filter((status) => status === end).length;
      return {
        seed,
        topology,
        orders: load.placements.length,
        accepted: load.accepted,
        confirmed: ended("confirmed"),
        cancelled: ended("cancelled"),
        seconds,
        faults: nemesis.counts,
        lost: count("lost"),
        duplicateEffects: count("duplicateEffects"),
        phantomEffects: count("phantomEffects"),
        orderViolations: count("orderViolations"),
        stuck: count("stuck") + left.length,
        drainMs: drainMs === undefined ? null : Math.round(drainMs + customersMs),
        redriven,
        droppedNotifications: dropped,
        findings: [
          ...left.map((line) => `stuck: ${line}`),
          ...violationKinds.flatMap((kind) =>
            violations
              .filter((violation) => violation.kind === kind)
              .slice(0, findingsOfKind)
              .map(({ finding }) => `${kind}: ${finding}`),
          ),
        ],
      };
    } finally {
      clearInterval(progress);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Whether nothing was found. */
export function isClean(report: ChaosReport): boolean {
  return report.drainMs !== null && violationKinds.every((kind) => report[kind] === 0);
}
