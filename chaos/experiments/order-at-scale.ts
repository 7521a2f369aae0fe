// Four partitions, instances that are killed, frozen, stopped and added all the while, one event in a hundred failing
// twice, and one that kills whoever handles it: every key keeps its order and nothing is lost.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { defineService, openDeadLetters, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { defineItem } from "@throughline/testing";
import { type Effect, EffectsCounter, readEffects } from "./effects.ts";
import { type Experiment, verdict } from "./experiment.ts";
import { Worker } from "./worker.ts";

const Made = defineItem("items.made");
const messages = 1_000_000;
const keys = 10_000;
const partitions = 4;
const changeEveryMs = 6_000;
/** Long enough to lose its leases to others. */
const frozenMs = 8_000;
const publishAtOnce = 5_000;
const patienceMs = 400_000;

export const orderAtScale: Experiment = async ({ server, folder, scale, report }) => {
  const effects = join(folder, "effects.log");
  writeFileSync(effects, "");
  const count = Math.round(messages * scale);
  const keyCount = Math.max(10, Math.round(keys * scale));
  let started = 0;
  let kills = 0;
  let stops = 0;
  let freezes = 0;
  let deaths = 0;
  let isOver = false;
  /** In the middle of everything. */
  const killer = Math.floor(count / 2);
  const workers: Worker[] = [];
  const startWorker = async (): Promise<void> => {
    const settings = { name: `w${++started}`, url: server.url, effects, partitions, killer };
    const worker = new Worker("order-worker", settings);
    await worker.ready();
    workers.push(worker);
    void worker.whenEnded().then(() => {
      // Not one of those that are ended on purpose.
      if (!isOver && workers.includes(worker)) {
        deaths++;
        workers.splice(workers.indexOf(worker), 1);
        void startWorker();
      }
    });
  };
  await Promise.all([startWorker(), startWorker(), startWorker()]);
  const settings = { transport: nats({ servers: server.url }), logger: silentLogger, signals: false };
  await using writer = await run(defineService("writer", { publishes: [Made] }), settings);
  const startedAt = performance.now();
  const disturb = (async () => {
    for (let turn = 0; !isOver; turn++) {
      await new Promise((resolve) => setTimeout(resolve, changeEveryMs));
      if (isOver) {
        return;
      }
      const victim = workers[turn % workers.length];
      if (victim === undefined) {
        continue;
      }
      const kind = (["kill", "freeze", "stop"] as const)[turn % 3];
      if (kind === "freeze") {
        freezes++;
        await victim.freeze(frozenMs);
        continue;
      }
      workers.splice(workers.indexOf(victim), 1);
      if (kind === "kill") {
        kills++;
        await victim.kill();
      } else {
        stops++;
        await victim.stop();
      }
      await startWorker();
    }
  })();
  const publishing = (async () => {
    for (let from = 0; from < count; from += publishAtOnce) {
      const batch = Array.from({ length: Math.min(publishAtOnce, count - from) }, (_, index) => from + index);
      await Promise.all(batch.map((n) => writer.publish(Made, { key: `k${n % keyCount}`, n })));
    }
    report(`published ${count} in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
  })();
  const counter = new EffectsCounter(effects);
  let done = 0;
  const dead: number[] = [];
  await using letters = await openDeadLetters({ ...settings, operator: "chaos" });
  while ((done < count - 1 || dead.length === 0) && performance.now() - startedAt < patienceMs) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    done = await counter.count();
    dead.length = 0;
    for await (const { body, reason } of letters.list({ service: "chaos" })) {
      if (reason === "crashed-repeatedly") {
        dead.push((JSON.parse(Buffer.from(body ?? []).toString()) as { n: number }).n);
      }
    }
    report(`  … ${done} of ${count}, ${kills} killed, ${freezes} frozen, ${stops} stopped, ${started} started`);
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  isOver = true;
  await publishing;
  await disturb;
  await Promise.all(workers.map((worker) => worker.kill()));

  const last = new Map<string, Effect>();
  const seen = new Set<number>();
  const violations: string[] = [];
  let repeated = 0;
  for await (const effect of readEffects(effects)) {
    const before = last.get(effect.key);
    if (seen.has(effect.n)) {
      repeated++;
    } else if (before !== undefined && effect.n < before.n) {
      const laterMs = effect.atMs - before.atMs;
      violations.push(`${effect.n} by ${effect.worker}, ${laterMs} ms after ${before.n} by ${before.worker}`);
    } else {
      last.set(effect.key, effect);
    }
    seen.add(effect.n);
  }
  const lost = count - 1 - seen.size;
  return {
    figures: {
      messages: count,
      keys: keyCount,
      partitions,
      killed: kills,
      stopped: stops,
      frozen: freezes,
      diedOfOneEvent: deaths,
      started,
      seconds: Number(seconds.toFixed(1)),
      perSecond: Math.round(count / seconds),
      repeatedEffects: repeated,
    },
    verdicts: [
      verdict("no event is lost", lost === 0, `${lost} lost`),
      verdict("each key keeps its order", violations.length === 0, [violations.length, ...violations.slice(0, 10)]),
      verdict("what kills instances is set aside, and nothing else", dead.join() === String(killer), dead),
      verdict("instances were killed meanwhile", kills > 0, `${kills} killed`),
    ],
  };
};
