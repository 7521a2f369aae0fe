// One event in a hundred is poison. The dead letters are exactly those, and the healthy ones do not wait for them.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { defineService, openDeadLetters, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { startNatsServer } from "@throughline/servers";
import { defineItem, SeededRandom } from "@throughline/testing";
import { EffectsCounter, readEffects } from "./effects.ts";
import { type Experiment, quantile, verdict } from "./experiment.ts";
import { Worker } from "./worker.ts";

const Made = defineItem("items.made");
const messages = 100_000;
/** A supervisor needs a moment to bring one back: with two, both may be gone at the same time. */
const instances = 3;
const patienceMs = 600_000;
const perSecond = 500;

export type Poison = "throws" | "hangs" | "crashes";

/**
 * One in a hundred: most throw, some hang, and one event in ten thousand kills whoever handles it. Anywhere in its hundred, and
 * in the first half of its ten thousand (so that a small scale has one): at regular distances, what kills would come again,
 * after the ack wait, just when the next one comes.
 */
export function poisonOf(n: number): Poison | undefined {
  const hundred = Math.floor(n / 100);
  if (n % 100 !== anywhere(hundred, 100)) {
    return undefined;
  }
  const kind = hundred % 100;
  if (kind === anywhere(Math.floor(n / 10_000), 50)) {
    return "crashes";
  }
  return kind % 10 === 3 ? "hangs" : "throws";
}

function anywhere(seed: number, below: number): number {
  return new SeededRandom(seed).between(0, below - 1);
}

/** Keeps instances alive as a supervisor would. */
class Supervisor {
  readonly #url: string;
  readonly #effects: string;
  readonly #isPoisoned: boolean;
  readonly #workers = new Set<Worker>();
  #isOver = false;
  deaths = 0;

  constructor(url: string, effects: string, isPoisoned: boolean) {
    this.#url = url;
    this.#effects = effects;
    this.#isPoisoned = isPoisoned;
  }

  keep(name: string): void {
    const settings = { name, url: this.#url, effects: this.#effects, isPoisoned: this.#isPoisoned };
    const worker = new Worker("poison-worker", settings);
    this.#workers.add(worker);
    void worker.whenEnded().then(() => {
      this.#workers.delete(worker);
      if (!this.#isOver) {
        this.deaths++;
        this.keep(name);
      }
    });
  }

  async ready(): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.ready()));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all([...this.#workers].map((worker) => worker.kill()));
  }
}

async function runThrough(
  url: string,
  effects: string,
  count: number,
  isPoisoned: boolean,
  report: (line: string) => void,
) {
  writeFileSync(effects, "");
  const settings = { transport: nats({ servers: url }), logger: silentLogger, signals: false };
  const supervisor = new Supervisor(url, effects, isPoisoned);
  await using writer = await run(defineService("writer", { publishes: [Made] }), settings);
  await using letters = await openDeadLetters({ ...settings, operator: "chaos" });
  for (let instance = 1; instance <= instances; instance++) {
    supervisor.keep(`w${instance}`);
  }
  const startedAt = performance.now();
  await supervisor.ready();
  const publications: Promise<unknown>[] = [];
  const publishingFrom = performance.now();
  while (publications.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - publishingFrom) / 1_000) * perSecond));
    while (publications.length < due) {
      const n = publications.length;
      publications.push(writer.publish(Made, { key: `k${n}`, n }));
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.all(publications);
  const poisonous = Array.from({ length: count }, (_, n) => n).filter((n) => isPoisoned && poisonOf(n) !== undefined);
  const counter = new EffectsCounter(effects);
  let done = 0;
  let dead: number[] = [];
  while (performance.now() - startedAt < patienceMs) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    done = await counter.count();
    if (done >= count - poisonous.length) {
      dead = [];
      for await (const { body } of letters.list({ service: "chaos" })) {
        dead.push((JSON.parse(Buffer.from(body ?? []).toString()) as { n: number }).n);
      }
      if (dead.length >= poisonous.length) {
        break;
      }
    }
    report(
      `  … ${done} of ${count - poisonous.length} handled, ${dead.length} dead letters, ${supervisor.deaths} deaths`,
    );
  }
  await supervisor.stop();
  const latencies: number[] = [];
  let effectsCount = 0;
  const seen = new Set<number>();
  for await (const { n, latencyMs } of readEffects(effects)) {
    effectsCount++;
    if (!seen.has(n)) {
      seen.add(n);
      latencies.push(latencyMs);
    }
  }
  const { deaths } = supervisor;
  const seconds = (performance.now() - startedAt) / 1_000;
  return {
    done,
    dead,
    deaths,
    poisonous,
    seconds,
    p99Ms: quantile(latencies, 0.99),
    overASecond: latencies.filter((latency) => latency > 1_000).length,
    repeated: effectsCount - seen.size,
  };
}

export const poison: Experiment = async ({ server, folder, scale, report }) => {
  const count = Math.round(messages * scale);
  report("without poison");
  const healthy = await runThrough(server.url, join(folder, "healthy.log"), count, false, report);
  report("with poison");
  await using second = await startNatsServer();
  const poisoned = await runThrough(second.url, join(folder, "poisoned.log"), count, true, report);
  const expected = new Set(poisoned.poisonous);
  const falseLetters = poisoned.dead.filter((n) => !expected.has(n)).length;
  const ratio = poisoned.p99Ms / healthy.p99Ms;
  const healthyCount = count - expected.size;
  return {
    figures: {
      events: count,
      poison: expected.size,
      deadLetters: poisoned.dead.length,
      deaths: poisoned.deaths,
      healthyP99Ms: Math.round(healthy.p99Ms),
      poisonedP99Ms: Math.round(poisoned.p99Ms),
      p99Ratio: Number(ratio.toFixed(2)),
      waitedOverASecond: poisoned.overASecond,
      repeatedEffects: poisoned.repeated,
      seconds: Number(poisoned.seconds.toFixed(1)),
    },
    verdicts: [
      verdict("every healthy event is handled", poisoned.done === healthyCount, `${poisoned.done} of ${healthyCount}`),
      verdict(
        "the dead letters are exactly the poison",
        falseLetters === 0 && new Set(poisoned.dead).size === expected.size && poisoned.dead.length === expected.size,
        `${poisoned.dead.length} of ${expected.size}, ${falseLetters} of them healthy`,
      ),
      verdict("p99 of healthy events at most doubles", ratio <= 2, `${ratio.toFixed(2)} times`),
    ],
  };
};
