// A dependency fails for a minute under 500 events a second. The circuit opens, one event at a time asks whether it is
// back, and afterwards everything is done: nothing lost, nothing dead-lettered, hardly anything delivered twice.

import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { defineService, openDeadLetters, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { defineItem } from "@throughline/testing";
import { EffectsCounter, readEffects } from "./effects.ts";
import { type Experiment, verdict } from "./experiment.ts";
import { Worker } from "./worker.ts";

const Made = defineItem("items.made");
const perSecond = 500;
const outageMs = 60_000;
const halfOpenAfterMs = 30_000;
const healthyMs = 10_000;
/** More than an instance with 16 handlers fetches at a time: what may come again after the circuit opened. */
const inFlightAtMost = 64 + 16;
const patienceMs = 60_000;
const settlingMs = 1_000;

/** An HTTP server that can be broken, and remembers when it was asked. */
async function startDependency() {
  const calls: number[] = [];
  let isBroken = false;
  const server = createServer((_request, response) => {
    calls.push(performance.now());
    response.writeHead(isBroken ? 503 : 200).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    break: (broken: boolean) => {
      isBroken = broken;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export const outage: Experiment = async ({ server, folder, scale, report }) => {
  const effects = join(folder, "effects.log");
  writeFileSync(effects, "");
  const [downMs, probeMs, wellMs] = [outageMs * scale, halfOpenAfterMs * scale, healthyMs * scale];
  await using dependency = await startDependency();
  const worker = new Worker("outage-worker", {
    name: "w1",
    url: server.url,
    effects,
    dependency: dependency.url,
    halfOpenAfterMs: probeMs,
  });
  await worker.ready();
  const settings = { transport: nats({ servers: server.url }), logger: silentLogger, signals: false };
  await using writer = await run(defineService("writer", { publishes: [Made] }), settings);
  await using letters = await openDeadLetters({ ...settings, operator: "chaos" });

  let published = 0;
  const startedAt = performance.now();
  const publishUntil = async (endAt: number) => {
    while (performance.now() < endAt) {
      const due = Math.floor(((performance.now() - startedAt) / 1_000) * perSecond);
      while (published < due) {
        void writer.publish(Made, { key: `k${published % 1_000}`, n: published++ });
      }
      await pause(5);
    }
  };
  await publishUntil(startedAt + wellMs);
  dependency.break(true);
  const brokenAt = performance.now();
  report(`the dependency is down after ${published} events`);
  await publishUntil(brokenAt + downMs);
  dependency.break(false);
  const mendedAt = performance.now();
  report(`it is back after ${published} events`);
  await publishUntil(mendedAt + wellMs);
  const counter = new EffectsCounter(effects);
  let done = 0;
  while (done < published && performance.now() - mendedAt < patienceMs + probeMs) {
    await pause(200);
    done = await counter.count();
  }
  const recoveredMs = Math.round(performance.now() - mendedAt);
  await worker.stop();

  let redelivered = 0;
  let effectsCount = 0;
  for await (const effect of readEffects(effects)) {
    effectsCount++;
    redelivered += effect.redelivered ? 1 : 0;
  }
  let dead = 0;
  for await (const _letter of letters.list({ service: "chaos" })) {
    dead++;
  }
  const during = dependency.calls.filter((at) => at > brokenAt && at < mendedAt);
  const untilTrip = during.filter((at) => at < brokenAt + Math.min(settlingMs, probeMs / 2)).length;
  const whileOpen = during.length - untilTrip;
  const periods = Math.ceil(downMs / probeMs);
  return {
    figures: {
      events: published,
      downSeconds: downMs / 1_000,
      callsUntilTrip: untilTrip,
      callsWhileOpen: whileOpen,
      halfOpenPeriods: periods,
      redelivered,
      deadLetters: dead,
      repeatedEffects: effectsCount - done,
      recoveredMs,
    },
    verdicts: [
      verdict("everything is done", done === published, `${done} of ${published}`),
      verdict("nothing is dead-lettered", dead === 0, `${dead} dead letters`),
      verdict("at most one probe in each half-open period", whileOpen <= periods, `${whileOpen} in ${periods}`),
      verdict(
        "nothing comes again that was not in flight when the circuit opened",
        redelivered <= inFlightAtMost,
        `${redelivered} of at most ${inFlightAtMost}`,
      ),
    ],
  };
};
