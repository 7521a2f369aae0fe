// Ten thousand dead letters are redriven by an operator who is killed three times: each event reaches the subscription that
// failed, once, and no other.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { defineService, openDeadLetters, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { defineItem } from "@throughline/testing";
import { readEffects } from "./effects.ts";
import { type Experiment, verdict } from "./experiment.ts";
import { Worker } from "./worker.ts";

const Made = defineItem("items.made");
const messages = 10_000;
const kills = 3;
const publishAtOnce = 2_000;
const patienceMs = 240_000;

export const interruptedRedrive: Experiment = async ({ server, folder, scale, report }) => {
  const effects = join(folder, "effects.log");
  writeFileSync(effects, "");
  const count = Math.round(messages * scale);
  const settings = { transport: nats({ servers: server.url }), logger: silentLogger, signals: false };
  const worker = (name: string, isBroken: boolean) =>
    new Worker("redrive-worker", { name, url: server.url, effects, isBroken });
  const broken = worker("broken", true);
  await broken.ready();
  await using letters = await openDeadLetters({ ...settings, operator: "chaos" });
  const countLetters = async () => {
    let found = 0;
    for await (const _letter of letters.list({ service: "chaos" })) {
      found++;
    }
    return found;
  };
  {
    await using writer = await run(defineService("writer", { publishes: [Made] }), settings);
    for (let from = 0; from < count; from += publishAtOnce) {
      const batch = Array.from({ length: Math.min(publishAtOnce, count - from) }, (_, index) => from + index);
      await Promise.all(batch.map((n) => writer.publish(Made, { key: `k${n}`, n })));
    }
  }
  const startedAt = performance.now();
  while ((await countLetters()) < count && performance.now() - startedAt < patienceMs) {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await broken.stop();
  report(`${count} dead letters`);

  const mended = worker("mended", false);
  await mended.ready();
  const redriveStartedAt = performance.now();
  const operator = () => new Worker("redrive-operator", { name: "operator", url: server.url, effects });
  for (let kill = 1; kill <= kills; kill++) {
    const killed = operator();
    await killed.ready();
    await new Promise((resolve) => setTimeout(resolve, 150 * kill * Math.min(1, scale * 2)));
    await killed.kill();
    report(`operator killed, ${await countLetters()} dead letters left`);
  }
  const last = operator();
  await last.whenEnded();
  const seconds = (performance.now() - redriveStartedAt) / 1_000;
  const left = await countLetters();
  const steps: string[] = [];
  for await (const { step } of letters.audit()) {
    steps.push(step);
  }
  await mended.stop();

  const times = new Map<number, number>();
  let elsewhere = 0;
  for await (const { n, worker: subscription } of readEffects(effects)) {
    if (subscription === "failing") {
      times.set(n, (times.get(n) ?? 0) + 1);
    } else {
      elsewhere++;
    }
  }
  const lost = count - times.size;
  const repeated = [...times.values()].filter((one) => one > 1).length;
  return {
    figures: { letters: count, kills, seconds: Number(seconds.toFixed(1)), steps: steps.join(" ") },
    verdicts: [
      verdict("none is lost", lost === 0 && left === 0, `${lost} lost, ${left} letters left`),
      verdict("each is delivered once to the failed subscription", repeated === 0, `${repeated} repeated`),
      verdict("none goes to another subscription", elsewhere === count, `${elsewhere - count} more than before`),
    ],
  };
};
