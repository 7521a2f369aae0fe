// A dependency that fails for a minute under 500 events a second, on a virtual clock.

import { defineEvent } from "@throughline/contracts";
import { SeededRandom, VirtualClock } from "@throughline/testing";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { createMemoryTransport } from "../memory/memory-transport.ts";
import type { BreakerPolicy } from "../policies/policy.ts";
import { type RunningService, run } from "../run-service.ts";
import { defineService } from "../service.ts";
import { silentLogger } from "../telemetry/logger.ts";

const Made = defineEvent("items.made", { key: (item: { key: string }) => item.key }).version(
  1,
  z.object({ key: z.string(), n: z.int() }),
);

interface Call {
  readonly n: number;
  readonly atMs: number;
  readonly attempt: number;
  readonly redelivered: boolean;
  readonly reader: number;
}

interface Outage {
  readonly fromMs: number;
  readonly toMs: number;
  readonly perSecond: number;
  readonly seconds: number;
  readonly readers?: number;
  readonly keys?: number;
  readonly breaker?: Partial<BreakerPolicy>;
  readonly order?: "none" | "key";
  /** Events that fail whatever happens. */
  readonly poison?: (n: number) => boolean;
}

async function runThrough(outage: Outage) {
  const clock = new VirtualClock(new SeededRandom(1));
  const startedAt = clock.now();
  const since = () => clock.now() - startedAt;
  const transport = createMemoryTransport({ clock });
  const settings = { transport, clock, logger: silentLogger, signals: false };
  const calls: Call[] = [];
  const done = new Set<number>();
  const policy = { retry: { attempts: 12, initialDelayMs: 500, maxDelayMs: 5_000 }, breaker: outage.breaker ?? {} };
  const readers: RunningService[] = [];
  for (let reader = 0; reader < (outage.readers ?? 1); reader++) {
    const service = defineService("reader").on(
      Made,
      { policy, order: outage.order ?? "none" },
      async ({ n }, { attempt, redelivered }) => {
        calls.push({ n, atMs: since(), attempt, redelivered, reader });
        await new Promise<void>((resolve) => clock.schedule(5, resolve));
        if ((since() > outage.fromMs && since() < outage.toMs) || outage.poison?.(n) === true) {
          throw new Error("down");
        }
        done.add(n);
      },
    );
    readers.push(await run(service, settings));
  }
  const writer = await run(defineService("writer", { publishes: [Made] }), settings);
  const count = outage.perSecond * outage.seconds;
  for (let n = 0; n < count; n++) {
    clock.schedule(
      (n * 1_000) / outage.perSecond,
      () => void writer.publish(Made, { key: `k${n % (outage.keys ?? count)}`, n }),
    );
  }
  const problems = new Set<string>();
  clock.schedule((outage.fromMs + outage.toMs) / 2, () => {
    for (const problem of readers.flatMap((one) => one.health().problems)) {
      problems.add(problem);
    }
  });
  while (done.size < count && since() < 600_000 && (await clock.step(startedAt + 600_000))) {}
  const during = calls.filter(({ atMs }) => atMs > outage.fromMs && atMs < outage.toMs);
  return { calls, during, done, count, problems, letters: transport.stored("DEAD_LETTERS"), readers };
}

const minute: Outage = { fromMs: 10_000, toMs: 70_000, perSecond: 500, seconds: 90 };

describe("a circuit breaker", { timeout: 60_000 }, () => {
  test("survives a minute of outage: a probe per half-open period, nothing lost, no attempt wasted", async () => {
    const { during, calls, done, count, letters, problems } = await runThrough(minute);
    expect(done.size).toBe(count);
    expect(letters).toHaveLength(0);
    // Before the trip: six failures, and what ran beside them. After it: one probe in each 30 s.
    const inFlight = during.filter(({ atMs }) => atMs < minute.fromMs + 100).length;
    expect(inFlight).toBeLessThanOrEqual(24);
    expect(during.length - inFlight).toBeLessThanOrEqual(2);
    // What was fetched and not begun came again; nothing else did, and no attempt was counted for it.
    const again = calls.filter(({ redelivered }) => redelivered);
    expect(again.length).toBeLessThanOrEqual(64);
    expect(Math.max(...calls.map(({ attempt }) => attempt))).toBeLessThanOrEqual(2);
    expect([...problems].join()).toMatch(/^reader-made: circuit open after Error: down; a probe follows in \d+ ms$/);
  });

  test("keeps the order of the keys it holds", async () => {
    const { calls, done, count, letters } = await runThrough({ ...minute, order: "key", keys: 40 });
    expect(done.size).toBe(count);
    expect(letters).toHaveLength(0);
    expect(calls.length).toBeLessThan(count + 100);
    const order = [...done];
    for (let key = 0; key < 40; key++) {
      const ofKey = order.filter((n) => n % 40 === key);
      expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b));
    }
  });

  test("stops every instance at once with scope fleet, and lets one probe", async () => {
    const instances = await runThrough({ ...minute, readers: 3, perSecond: 60 });
    const fleet = await runThrough({ ...minute, readers: 3, perSecond: 60, breaker: { scope: "fleet" } });
    expect(fleet.done.size).toBe(fleet.count);
    expect(fleet.letters).toHaveLength(0);
    // Alone, each instance finds out by itself and probes by itself.
    expect(instances.during.length).toBeGreaterThan(18);
    expect(fleet.during.length).toBeLessThan(instances.during.length);
  });

  test("is not held open by one event that always fails", async () => {
    const always = await runThrough({
      fromMs: 10_000,
      toMs: 11_000,
      perSecond: 20,
      seconds: 120,
      poison: (n) => n === 205,
    });
    expect(always.done.size).toBe(always.count - 1);
    expect(always.letters).toHaveLength(1);
  });

  test("does not open because of one event that fails again and again", async () => {
    const { done, count, calls } = await runThrough({
      fromMs: 0,
      toMs: 0,
      perSecond: 1,
      seconds: 60,
      poison: (n) => n === 3,
    });
    expect(done.size).toBe(count - 1);
    expect(calls.filter(({ n }) => n === 3)).toHaveLength(12);
  });
});
