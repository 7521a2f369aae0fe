// Four partitions, instances that are killed, frozen, stopped and added all the while, one event in a hundred failing
// twice: every key keeps its order and nothing is lost.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { defineService, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { defineItem } from "@throughline/testing";
import { EffectsCounter, readEffects } from "./effects.ts";
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
  const startWorker = async (): Promise<Worker> => {
    const worker = new Worker("order-worker", { name: `w${++started}`, url: server.url, effects, partitions });
    await worker.ready();
    return worker;
  };
  const workers = [await startWorker(), await startWorker(), await startWorker()];
  const settings = { transport: nats({ servers: server.url }), logger: silentLogger, signals: false };
  await using writer = await run(defineService("writer", { publishes: [Made] }), settings);
  const startedAt = performance.now();
  let isOver = false;
  const disturb = (async () => {
    for (let turn = 0; !isOver; turn++) {
      await new Promise((resolve) => setTimeout(resolve, changeEveryMs));
      if (isOver) {
        return;
      }
      const victim = workers[turn % workers.length] as Worker;
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
      workers.push(await startWorker());
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
  while (done < count && performance.now() - startedAt < patienceMs) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    done = await counter.count();
    report(`  … ${done} of ${count}, ${kills} killed, ${freezes} frozen, ${stops} stopped, ${started} started`);
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  isOver = true;
  await publishing;
  await disturb;
  await Promise.all(workers.map((worker) => worker.kill()));

  const last = new Map<string, number>();
  const seen = new Set<number>();
  let violations = 0;
  let repeated = 0;
  for await (const { key, n } of readEffects(effects)) {
    if (seen.has(n)) {
      repeated++;
    } else {
      seen.add(n);
      violations += n < (last.get(key) ?? -1) ? 1 : 0;
      last.set(key, Math.max(n, last.get(key) ?? -1));
    }
  }
  const lost = count - seen.size;
  return {
    figures: {
      messages: count,
      keys: keyCount,
      partitions,
      killed: kills,
      stopped: stops,
      frozen: freezes,
      started,
      seconds: Number(seconds.toFixed(1)),
      perSecond: Math.round(count / seconds),
      repeatedEffects: repeated,
    },
    verdicts: [
      verdict("no event is lost", lost === 0, `${lost} lost`),
      verdict("each key keeps its order", violations === 0, `${violations} violations`),
      verdict("instances were killed meanwhile", kills > 0, `${kills} killed`),
    ],
  };
};
