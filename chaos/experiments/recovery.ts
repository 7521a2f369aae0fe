// The whole reference system under a steady load: how much a deployment repeats, and how long a death costs.

import { openBroker, readConsumers } from "../system/broker-state.ts";
import { drain, eventStreams } from "../system/drain.ts";
import { type Evidence, gatherEvidence } from "../system/evidence.ts";
import { tellProcessor } from "../system/faults.ts";
import { OrderLoad } from "../system/order-load.ts";
import { buildStage, type Stage } from "../system/stage.ts";
import { type Experiment, verdict } from "./experiment.ts";

const perSecond = 50;
const warmUpMs = 3_000;
const orderDeadlineMs = 120_000;
const drainTimeoutMs = 60_000;
/** The ack wait of a subscription, and what there is on top of it. */
const killedServiceMs = 10_000 + 5_000;
const brokerRestartMs = 10_000;
const plenty = 10_000_000;

export const recovery: Experiment = async ({ folder, report }) => {
  const stock = { "coffee-beans": plenty, "filter-paper": plenty, "espresso-machine": plenty, "hand-grinder": plenty };
  await using stage = await buildStage({ folder, topology: "single", stock, orderDeadlineMs });
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  /** Customers order while something happens, and for a while after; everything is at rest at the end. */
  const under = async (seed: number, afterMs: number, happen: () => Promise<void>): Promise<void> => {
    const load = new OrderLoad({ gatewayUrl: stage.gatewayUrl, seed, perSecond, maxOrders: Number.POSITIVE_INFINITY });
    load.start();
    await wait(warmUpMs);
    await happen();
    await wait(afterMs);
    await load.stop(drainTimeoutMs);
    await drain(stage, { timeoutMs: drainTimeoutMs, report });
  };

  let stops = 0;
  await under(1, 1_000, async () => {
    for (const process of stage.processes) {
      await process.restart();
      await process.whenReady();
      stops++;
    }
  });
  const repeatedBy = await countRepeated(stage);
  const repeated = [...repeatedBy.values()].reduce((sum, count) => sum + count, 0);
  report(
    `${stops} services stopped and started under load; repeated: ${JSON.stringify(Object.fromEntries(repeatedBy))}`,
  );

  let killedAt = 0;
  await under(2, killedServiceMs, async () => {
    // Slow enough that every instance has something in hand.
    await tellProcessor(stage, { latencyMs: 200 });
    await wait(warmUpMs);
    const payments = stage.processes.filter(({ name }) => name.startsWith("payments"));
    await Promise.all(payments.map((process) => process.kill()));
    killedAt = Date.now();
    await tellProcessor(stage, {});
  });
  const resumedMs = lastOf(await gatherEvidence(stage, []), "payments", killedAt) - killedAt;
  report(`a killed service had done what it left behind after ${Math.round(resumedMs)} ms`);

  let brokerKilledAt = 0;
  await under(3, brokerRestartMs, async () => {
    brokerKilledAt = Date.now();
    await stage.brokers[0]?.kill();
    await stage.brokers[0]?.start();
  });
  const flowingMs = firstAfter(await gatherEvidence(stage, []), brokerKilledAt) - brokerKilledAt;
  report(`after the broker's restart events flowed again after ${Math.round(flowingMs)} ms`);

  return {
    figures: {
      ordersPerSecond: perSecond,
      stops,
      repeated,
      resumedMs: Math.round(resumedMs),
      flowingMs: Math.round(flowingMs),
    },
    verdicts: [
      verdict("SIGTERM under load repeats no delivery", repeated === 0, `${repeated} repeated`),
      verdict(
        "a killed service resumes within ack wait + 5 s",
        resumedMs <= killedServiceMs,
        `${Math.round(resumedMs)} ms`,
      ),
      verdict("a restarted broker costs 10 s at most", flowingMs <= brokerRestartMs, `${Math.round(flowingMs)} ms`),
    ],
  };
};

/** Deliveries of each durable beyond one for each event that it handled, where there are any. */
async function countRepeated(stage: Stage): Promise<ReadonlyMap<string, number>> {
  const { handled } = await gatherEvidence(stage, []);
  const connection = await openBroker(stage);
  try {
    const all = await Promise.all(eventStreams.map((stream) => readConsumers(connection, stream)));
    return new Map(
      all
        .flat()
        .map(
          ({ durable, deliveries }) =>
            [durable, deliveries - handled.filter((one) => one.durable === durable).length] as const,
        )
        .filter(([, repeated]) => repeated !== 0),
    );
  } finally {
    await connection.close();
  }
}

/** When the service had handled everything that was stored by then. */
function lastOf({ events, handled }: Evidence, service: string, storedUntilMs: number): number {
  const early = new Set(events.filter(({ storedAtMs }) => storedAtMs <= storedUntilMs).map(({ id }) => id));
  const times = handled
    .filter((one) => one.service === service && early.has(one.id))
    .map(({ handledAtMs }) => handledAtMs);
  return times.reduce((last, at) => Math.max(last, at), 0);
}

/** When something was handled that was stored after that time. */
function firstAfter({ events, handled }: Evidence, storedAfterMs: number): number {
  const late = new Set(events.filter(({ storedAtMs }) => storedAtMs > storedAfterMs).map(({ id }) => id));
  return handled
    .filter(({ id }) => late.has(id))
    .reduce((first, { handledAtMs }) => Math.min(first, handledAtMs), Number.POSITIVE_INFINITY);
}
