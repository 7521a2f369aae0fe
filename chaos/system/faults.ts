// Everything that goes wrong, one entry a kind: whom it befalls, for how long, and what is done.

import type { NatsServer } from "@throughline/servers";
import type { SeededRandom } from "@throughline/testing";
import { findLeader } from "./broker-state.ts";
import { type Failpoint, failpoints } from "./inside/failpoints.ts";
import type { Stage } from "./stage.ts";

export interface FaultKind {
  readonly kind: string;
  /** How often it is chosen, against the others. */
  readonly weight: number;
  /** In ms, from and to. */
  readonly lasts: readonly [number, number];
  /** Whom it may befall; none where the stage has nobody for it. */
  readonly targets: (stage: Stage) => readonly string[];
  readonly strike: (blow: Blow) => Promise<void>;
}

export interface Blow {
  readonly stage: Stage;
  readonly target: string;
  readonly durationMs: number;
  readonly random: SeededRandom;
}

/** How long a process has to come by its failpoint, and to be back. */
const failpointPatienceMs = 10_000;
const readyPatienceMs = 30_000;

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const processNames = ({ processes }: Stage) => processes.map(({ name }) => name);
const linkNames = ({ links }: Stage) => links.map(({ name }) => name);
const postgresOnly = () => ["postgres"];
const cardProcessorOnly = () => ["card-processor"];

function processOf({ processes, cardProcessor }: Stage, target: string) {
  const found = [...processes, cardProcessor].find(({ name }) => name === target);
  if (found === undefined) {
    throw new Error(`there is no process ${target}`);
  }
  return found;
}

function proxyOf({ links }: Stage, target: string) {
  const found = links.find(({ name }) => name === target);
  if (found === undefined) {
    throw new Error(`there is no link ${target}`);
  }
  return found.proxy;
}

async function comeBack(stage: Stage, target: string): Promise<void> {
  await Promise.race([processOf(stage, target).whenReady(), wait(readyPatienceMs)]);
}

async function pauseFor(victim: { pause(): void; resume(): void }, durationMs: number): Promise<void> {
  victim.pause();
  await wait(durationMs);
  victim.resume();
}

async function killFor(server: { kill(): Promise<void>; start(): Promise<void> }, durationMs: number): Promise<void> {
  await server.kill();
  await wait(durationMs);
  await server.start();
}

function dieAt(failpoint: Failpoint): FaultKind {
  return {
    kind: `die-between-${failpoint}`,
    weight: 2,
    lasts: [0, 0],
    targets: processNames,
    async strike({ stage, target }) {
      const process = processOf(stage, target);
      process.send({ failpoint });
      await Promise.race([process.whenEnded(), wait(failpointPatienceMs)]);
      await comeBack(stage, target);
    },
  };
}

/** The processor does this until the time is up. */
function processorFault(kind: string, weight: number, faults: object, lasts: FaultKind["lasts"]): FaultKind {
  return {
    kind,
    weight,
    lasts,
    targets: cardProcessorOnly,
    async strike({ stage, durationMs }) {
      await tellProcessor(stage, faults);
      await wait(durationMs);
      await tellProcessor(stage, {});
    },
  };
}

/** A processor that is not there learns nothing; it forgets its faults when it starts again. */
export async function tellProcessor({ cardProcessorUrl }: Stage, faults: object): Promise<void> {
  const signal = AbortSignal.timeout(5_000);
  const body = JSON.stringify(faults);
  await fetch(`${cardProcessorUrl}/faults`, { method: "PUT", body, signal }).catch(() => undefined);
}

export const faultKinds: readonly FaultKind[] = [
  {
    kind: "kill-service",
    weight: 4,
    lasts: [0, 0],
    targets: processNames,
    async strike({ stage, target }) {
      await processOf(stage, target).kill();
      await comeBack(stage, target);
    },
  },
  {
    kind: "restart-service",
    weight: 2,
    lasts: [0, 0],
    targets: processNames,
    async strike({ stage, target }) {
      await processOf(stage, target).restart();
      await comeBack(stage, target);
    },
  },
  {
    // Long enough, at times, that others take over what it still believes to have.
    kind: "pause-service",
    weight: 3,
    lasts: [500, 14_000],
    targets: processNames,
    async strike({ stage, target, durationMs }) {
      await pauseFor(processOf(stage, target), durationMs);
    },
  },
  ...failpoints.map(dieAt),
  {
    kind: "kill-broker",
    weight: 2,
    lasts: [0, 2_000],
    targets: ({ brokers }) => (brokers.length === 1 ? ["broker"] : []),
    async strike({ stage, durationMs }) {
      await killFor(stage.brokers[0] as NatsServer, durationMs);
    },
  },
  {
    kind: "kill-leader",
    weight: 3,
    lasts: [0, 3_000],
    targets: ({ brokers }) => (brokers.length > 1 ? ["broker"] : []),
    async strike({ stage, durationMs, random }) {
      const stream = random.pick(["ORDERS", "INVENTORY", "PAYMENTS", "NOTIFICATIONS"]);
      await killFor(await findLeader(stage, stream), durationMs);
    },
  },
  {
    kind: "pause-broker",
    weight: 1,
    lasts: [200, 5_000],
    targets: () => ["broker"],
    async strike({ stage, durationMs, random }) {
      await pauseFor(stage.brokers[random.between(0, stage.brokers.length - 1)] as NatsServer, durationMs);
    },
  },
  {
    kind: "kill-postgres",
    weight: 2,
    lasts: [0, 2_000],
    targets: postgresOnly,
    strike: ({ stage, durationMs }) => killFor(stage.postgres, durationMs),
  },
  {
    kind: "restart-postgres",
    weight: 1,
    lasts: [0, 0],
    targets: postgresOnly,
    strike: ({ stage }) => stage.postgres.restart(),
  },
  {
    kind: "pause-postgres",
    weight: 1,
    lasts: [200, 5_000],
    targets: postgresOnly,
    strike: ({ stage, durationMs }) => pauseFor(stage.postgres, durationMs),
  },
  {
    kind: "kill-card-processor",
    weight: 2,
    lasts: [0, 0],
    targets: cardProcessorOnly,
    async strike({ stage, target }) {
      await stage.cardProcessor.kill();
      await comeBack(stage, target);
    },
  },
  {
    kind: "pause-card-processor",
    weight: 1,
    lasts: [500, 9_000],
    targets: cardProcessorOnly,
    strike: ({ stage, durationMs }) => pauseFor(stage.cardProcessor, durationMs),
  },
  processorFault("processor-errors", 2, { errorRate: 0.4, lostAnswerRate: 0.3, latencyMs: 30 }, [1_000, 6_000]),
  processorFault("processor-refuses", 1, { outage: "refuse" }, [1_000, 5_000]),
  processorFault("processor-hangs", 1, { outage: "hang" }, [1_000, 5_000]),
  {
    kind: "reset-link",
    weight: 3,
    lasts: [0, 0],
    targets: linkNames,
    async strike({ stage, target }) {
      proxyOf(stage, target).reset();
    },
  },
  {
    kind: "blackhole-link",
    weight: 2,
    lasts: [500, 12_000],
    targets: linkNames,
    async strike({ stage, target, durationMs, random }) {
      const proxy = proxyOf(stage, target);
      proxy.pause();
      await wait(durationMs);
      // What was on its way arrives after all, or never.
      if (random.chance(0.5)) {
        proxy.reset();
      }
      proxy.resume();
    },
  },
  {
    kind: "half-open-link",
    weight: 2,
    lasts: [200, 4_000],
    targets: linkNames,
    strike: ({ stage, target, durationMs }) => proxyOf(stage, target).loseAndCut(durationMs),
  },
  {
    kind: "slow-link",
    weight: 1,
    lasts: [1_000, 6_000],
    targets: linkNames,
    async strike({ stage, target, durationMs, random }) {
      const proxy = proxyOf(stage, target);
      proxy.delay(random.between(20, 300));
      await wait(durationMs);
      proxy.delay(0);
    },
  },
];
