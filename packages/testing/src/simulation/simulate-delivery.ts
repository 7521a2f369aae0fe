// One schedule of faults, drawn from a seed, against the real engine of delivery: services that crash, pause and restart,
// a network that loses, repeats, delays and reorders, handlers that fail in every way. Then everything calms down, and
// nothing may be missing.

import {
  type BreakerPolicy,
  createMemoryTransport,
  defineService,
  type MemoryTransport,
  PermanentError,
  type RunningService,
  run,
  type Service,
  silentLogger,
} from "@throughline/core";
import { defineItem, type Item } from "../item-contract.ts";
import { Ledger } from "./ledger.ts";
import { SeededRandom } from "./seeded-random.ts";
import { type NetworkFaults, SimulatedNetwork } from "./simulated-network.ts";
import { SimulatedProcess } from "./simulated-process.ts";
import { createSimulatedTransport, type PlantedBug } from "./simulated-transport.ts";
import { VirtualClock } from "./virtual-clock.ts";

export interface SimulationOptions {
  /** Proves that the simulation can fail. */
  readonly plantedBug?: PlantedBug;
}

export interface SimulationResult {
  readonly seed: number;
  /** What was promised and did not hold; empty when all is well. */
  readonly violations: readonly string[];
  /** Every step, in the order of virtual time. */
  readonly trace: readonly string[];
}

const Made = defineItem("sim.made");
const Changed = defineItem("sim.changed");

const noFaults: NetworkFaults = { loss: 0, duplication: 0, maxDelayMs: 5, reorders: false };
const mildFaults: NetworkFaults = { loss: 0.02, duplication: 0.02, maxDelayMs: 40, reorders: false };
const harshFaults: NetworkFaults = { loss: 0.15, duplication: 0.15, maxDelayMs: 400, reorders: true };

const policy = {
  timeoutMs: 2_000,
  retry: { attempts: 4, initialDelayMs: 50, maxDelayMs: 1_000 },
};
const concurrency = 3;
/** What an engine with this concurrency asks for when nothing is under way. */
const idleCredits = 64;
const faultsEndMs = 60_000;
/** Virtual time after which whatever is not finished never will be. */
const patienceMs = 3_600_000;
const duplicateWindowMs = 120_000;

/** What one start of one event does; the same for the same seed, whichever process runs it. */
type Behaviour =
  | "succeed"
  | "succeed-at-once"
  | "fail"
  | "throw"
  | "permanent"
  | "hang"
  | "ignore-abort"
  | "publish-fail";

function behaviourOf(seed: number, n: number, start: number): { behaviour: Behaviour; delayMs: number } {
  const random = new SeededRandom(seed ^ Math.imul(n + 1, 0x9e3779b1) ^ Math.imul(start, 0x85ebca6b));
  const behaviour = random.chance(0.6)
    ? random.pick<Behaviour>(["succeed", "succeed-at-once"])
    : random.pick<Behaviour>(["fail", "fail", "throw", "permanent", "hang", "ignore-abort", "publish-fail"]);
  return { behaviour, delayMs: random.between(0, 400) };
}

/** Runs the schedule of one seed. The same seed gives the same trace. */
export async function simulateDelivery(seed: number, options: SimulationOptions = {}): Promise<SimulationResult> {
  const simulation = new DeliverySimulation(seed, options);
  await simulation.run();
  const { violations, trace } = simulation.ledger;
  return { seed, violations, trace };
}

class DeliverySimulation {
  readonly #seed: number;
  readonly #options: SimulationOptions;
  readonly #random: SeededRandom;
  readonly #clock: VirtualClock;
  readonly #broker: MemoryTransport;
  readonly #faults: NetworkFaults;
  readonly #network: SimulatedNetwork;
  readonly #order: "none" | "key";
  readonly #onExhausted: "dead-letter" | "drop";
  readonly #breaker: BreakerPolicy | undefined;
  /** Events whose handler kills its process. */
  readonly #killers: ReadonlySet<number>;
  readonly #ackWaitMs: number;
  readonly #items: readonly Item[];
  readonly ledger: Ledger;
  readonly #readers = new Map<SimulatedProcess, RunningService>();
  #started = 0;
  #plannedFaults = 0;

  constructor(seed: number, options: SimulationOptions) {
    this.#seed = seed;
    this.#options = options;
    const random = new SeededRandom(seed);
    this.#random = random;
    this.#clock = new VirtualClock(random);
    this.#broker = createMemoryTransport({ clock: this.#clock });
    this.#faults = random.pick([noFaults, mildFaults, harshFaults]);
    this.#network = new SimulatedNetwork(this.#clock, random, this.#faults);
    this.#order = random.pick(["none", "key"]);
    this.#onExhausted = random.pick(["dead-letter", "dead-letter", "drop"]);
    // A broker that loses patience early delivers again what is still worked on.
    this.#ackWaitMs = this.#faults === noFaults ? 10_000 : random.pick([700, 3_000, 10_000]);
    const keys = random.between(1, 4);
    const count = random.between(5, 25);
    this.#items = Array.from({ length: count }, (_, n) => ({ key: `k${random.between(1, keys)}`, n }));
    this.#breaker = random.chance(0.4)
      ? {
          failures: random.between(0, 3),
          halfOpenAfterMs: random.pick([500, 3_000, 10_000]),
          scope: random.pick(["instance", "fleet"]),
        }
      : undefined;
    const isKiller = (n: number) => this.#faults !== noFaults && n % 10 === 3 && random.chance(0.3);
    this.#killers = new Set(this.#items.map(({ n }) => n).filter(isKiller));
    this.ledger = new Ledger(
      {
        isCalm: this.#faults === noFaults,
        keepsOrder: this.#order === "key",
        mayDrop: this.#onExhausted === "drop",
        hasDeadLetter: (n) => this.#numbersIn("DEAD_LETTERS").has(n),
      },
      () => this.#clock.now(),
    );
  }

  async run(): Promise<void> {
    const startedAtMs = this.#clock.now();
    this.ledger.note(
      `order ${this.#order}, ${this.#onExhausted}, ack wait ${this.#ackWaitMs}, breaker ${JSON.stringify(this.#breaker)}, ${JSON.stringify(this.#faults)}`,
    );
    await this.#startReader();
    if (this.#random.chance(0.5)) {
      await this.#startReader();
    }
    await this.#startWriter();
    if (this.#faults !== noFaults) {
      this.#planFaults();
    }
    while (await this.#clock.step(startedAtMs + faultsEndMs)) {}
    this.#network.calm();
    for (const process of this.#readers.keys()) {
      process.resume();
    }
    while (!this.#isFinished() && (await this.#clock.step(startedAtMs + patienceMs))) {}
    this.#checkOutcome();
  }

  async #startReader(): Promise<void> {
    const process = new SimulatedProcess(`reader-${++this.#started}`, this.#clock);
    const service = defineService("reader", { publishes: [Changed] }).on(
      Made,
      {
        order: this.#order,
        concurrency,
        policy: { ...policy, breaker: this.#breaker, onExhausted: this.#onExhausted },
      },
      (item, { attempt, signal, publish }) =>
        this.#handle(process, item, attempt, signal, async () => void (await publish(Changed, item))),
    );
    this.#readers.set(process, await this.#start(service as Service, process));
  }

  async #startWriter(): Promise<void> {
    const process = new SimulatedProcess("writer", this.#clock);
    const service = defineService("writer", { publishes: [Made] });
    const writer = await this.#start(service as Service, process);
    for (const item of this.#items) {
      this.#clock.schedule(this.#random.between(0, 20_000), () => {
        this.ledger.note(`writer publishes ${item.n} of ${item.key}`);
        void writer.publish(Made, item);
      });
    }
  }

  #start(service: Service, process: SimulatedProcess): Promise<RunningService> {
    const transport = createSimulatedTransport({
      broker: this.#broker,
      process,
      network: this.#network,
      ledger: this.ledger,
      ackWaitMs: this.#ackWaitMs,
      plantedBug: this.#options.plantedBug,
    });
    return run(service, { transport, clock: process.clock, logger: silentLogger, signals: false });
  }

  async #handle(
    process: SimulatedProcess,
    item: Item,
    attempt: number,
    signal: AbortSignal,
    publish: () => Promise<void>,
  ): Promise<void> {
    const { behaviour, delayMs } = behaviourOf(this.#seed, item.n, this.ledger.startsOf(item.n));
    this.ledger.started(process.name, item, attempt);
    if (this.#killers.has(item.n)) {
      this.ledger.note(`${item.n} kills ${process.name}`);
      this.#inflict("crash", process);
      await new Promise(() => undefined);
    }
    let isOver = false;
    const end = (outcome: "success" | "failure" | "aborted") => {
      if (!isOver) {
        isOver = true;
        this.ledger.ended(process.name, item, outcome);
      }
    };
    // Whatever an attempt still does after its time is up no longer counts.
    signal.addEventListener("abort", () => end("aborted"), { once: true });
    const fail = (error: Error): never => {
      end("failure");
      throw error;
    };
    if (behaviour === "throw") {
      fail(new Error("at once"));
    }
    if (behaviour !== "succeed-at-once") {
      await new Promise<void>((resolve) => process.clock.schedule(delayMs, resolve));
    }
    if (behaviour === "permanent") {
      fail(new PermanentError("never"));
    } else if (behaviour === "fail") {
      fail(new Error("later"));
    } else if (behaviour === "ignore-abort") {
      await new Promise(() => undefined);
    } else if (behaviour === "hang") {
      await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    }
    await publish();
    if (behaviour === "publish-fail") {
      fail(new Error("after publishing"));
    }
    end("success");
  }

  /** Crashes, pauses and clean restarts, each followed by its end. */
  #planFaults(): void {
    this.#plannedFaults = this.#random.between(0, 4);
    for (let count = this.#plannedFaults; count > 0; count--) {
      this.#clock.schedule(this.#random.between(0, 30_000), () => {
        const [process] = [...this.#readers.keys()].filter(() => this.#random.chance(0.7));
        const kind = this.#random.pick<"crash" | "pause" | "restart">(["crash", "pause", "restart"]);
        if (process !== undefined) {
          this.ledger.note(`${process.name}: ${kind}`);
          this.#inflict(kind, process);
        }
      });
    }
  }

  #inflict(kind: "crash" | "pause" | "restart", process: SimulatedProcess): void {
    const laterMs = this.#random.between(100, 15_000);
    if (kind === "pause") {
      process.pause();
      this.#clock.schedule(laterMs, () => process.resume());
      return;
    }
    const running = this.#readers.get(process);
    this.#readers.delete(process);
    if (kind === "crash") {
      process.kill();
      this.#clock.schedule(laterMs, () => void this.#startReader());
    } else {
      void running?.stop();
      this.#clock.schedule(laterMs, () => void this.#startReader());
    }
  }

  #isFinished(): boolean {
    return (
      this.#items.every(({ n }) => this.ledger.isSettled(n)) &&
      [...this.#readers.keys()].every(({ name }) => this.ledger.creditsOf(name) === idleCredits)
    );
  }

  #checkOutcome(): void {
    for (const { n } of this.#items) {
      if (!this.ledger.isSettled(n)) {
        this.ledger.violated(`${n} is not settled after an hour`);
      }
      if (this.#faults === noFaults && this.#breaker === undefined && this.ledger.startsOf(n) > policy.retry.attempts) {
        this.ledger.violated(
          `${n} was tried ${this.ledger.startsOf(n)} times; the policy allows ${policy.retry.attempts}`,
        );
      }
      const times = this.#timesOf("SIM", Changed.type, n);
      const [first = 0, second = Number.POSITIVE_INFINITY] = times;
      if (second - first < duplicateWindowMs) {
        this.ledger.violated(`what ${n} caused is stored ${times.length} times`);
      }
      if (this.ledger.hasSucceeded(n) && times.length === 0) {
        this.ledger.violated(`${n} succeeded, and what it caused is not stored`);
      }
    }
    for (const n of this.#letters("crashed-repeatedly")) {
      // With two processes at work on one event, because the broker lost patience, nobody can tell who did not end.
      if (!this.#killers.has(n) && this.#plannedFaults < 3 && this.#ackWaitMs === 10_000) {
        this.ledger.violated(`${n} is taken for what kills processes`);
      }
    }
    for (const { name } of this.#readers.keys()) {
      const credits = this.ledger.creditsOf(name);
      if (credits !== idleCredits) {
        this.ledger.violated(`${name} ends with ${credits} credits instead of ${idleCredits}`);
      }
    }
  }

  #numbersIn(stream: string): ReadonlySet<number> {
    return new Set(this.#broker.stored(stream).map((message) => (JSON.parse(message.body.toString()) as Item).n));
  }

  #letters(reason: string): number[] {
    return this.#broker
      .stored("DEAD_LETTERS")
      .filter(({ headers }) => headers.get("throughline-dead-reason") === reason)
      .map(({ body }) => (JSON.parse(body.toString()) as Item).n);
  }

  #timesOf(stream: string, type: string, n: number): number[] {
    return this.#broker
      .stored(stream)
      .filter(({ subject, body }) => subject.startsWith(type) && (JSON.parse(body.toString()) as Item).n === n)
      .map(({ timeMs }) => timeMs);
  }
}
