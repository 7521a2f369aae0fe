// The engine of delivery for one subscription: lanes, attempts, and exactly one answer for every delivery.
// A delivery is acknowledged after its handler returned, terminated after its dead letter was stored, or delivered again.

import { ThroughlineError } from "@throughline/contracts";
import { SubscriptionMetrics } from "../telemetry/metrics.ts";
import { ProcessMetrics } from "../telemetry/operation-metrics.ts";
import type {
  Consumption,
  ConsumptionHealth,
  ConsumptionListener,
  Delivery,
  TransportConnection,
} from "../transport.ts";
import { AttemptNotes } from "./attempt-notes.ts";
import { AttemptRunner, type AttemptRunnerParts } from "./attempt-runner.ts";
import { CircuitGate } from "./circuit-gate.ts";
import { idOf } from "./delivery-id.ts";
import { Handling, wasDeliveredBefore } from "./handling.ts";
import { type ClosingReason, Intake } from "./intake.ts";
import { Isolation } from "./isolation.ts";
import { Lanes } from "./lanes.ts";
import { Outcomes } from "./outcomes.ts";
import type { Runner } from "./runner.ts";
import { SettledSequences } from "./settled-sequences.ts";
import { subscriptionTopology } from "./subscription-topology.ts";
import { sweepRegularly } from "./sweep.ts";
import { UnderWay } from "./under-way.ts";

export interface RunnerParts extends Omit<AttemptRunnerParts, "operations"> {
  readonly service: string;
  readonly connection: TransportConnection;
  /** How its deliveries are had. Default: all of the subscription's. */
  readonly open?: (listener: ConsumptionListener) => Promise<Consumption>;
  /** How many runners share the subscription's concurrency. Default 1. */
  readonly share?: number;
}

/**
 * What is given back comes again after this long. A server may still hand messages to an inbox that was left less than
 * 250 ms ago, where nobody would answer before the ack wait is over.
 */
const giveBackDelayMs = 300;
/** Asked for ahead of what is worked on, so that no handler waits for the network. */
const minCapacity = 64;

const isIdle = ({ state }: Handling): boolean => state !== "busy";

export class SubscriptionRunner implements Runner {
  readonly #parts: RunnerParts;
  readonly #underWay = new UnderWay();
  readonly #settled = new SettledSequences();
  readonly #notes: AttemptNotes;
  readonly #attempts: AttemptRunner;
  readonly #lanes: Lanes<Handling>;
  readonly #intake: Intake;
  readonly #isolation: Isolation;
  readonly #circuit: CircuitGate | undefined;
  #endSweep: () => void = () => undefined;
  readonly #metrics: SubscriptionMetrics;
  #endMeasuring: () => void = () => undefined;
  #draining = false;
  /** Set while somebody waits for something to come to rest. */
  #checkWaiting: (() => void) | undefined;

  constructor(parts: RunnerParts) {
    const { subscription, share = 1 } = parts;
    const concurrency = Math.ceil(subscription.concurrency / share);
    const metrics = new SubscriptionMetrics(subscription.durable, parts.ownership?.fence.partition);
    this.#metrics = metrics;
    this.#parts = parts;
    this.#notes = new AttemptNotes(parts);
    this.#lanes = new Lanes(concurrency);
    const bounce = (delivery: Delivery) => void this.#giveBack([], [delivery], 0);
    const capacity = Math.max(minCapacity, concurrency * 2);
    this.#intake = new Intake(capacity, subscription.order === "none" ? bounce : undefined);
    this.#isolation = new Isolation({
      lanes: this.#lanes,
      mayBegin: () => !this.#draining && this.#circuit?.isOpen !== true,
      begin: (handling) => void this.#startInTurn(handling),
      closeIntake: () => this.#closeIntake("isolation", ({ hasBegun, redelivered }) => hasBegun || redelivered),
      openIntake: () => this.#intake.open("isolation", () => this.#underWay.countUnreplaced()),
    });
    const { breaker } = subscription.policy;
    this.#circuit =
      breaker &&
      new CircuitGate(breaker, parts, {
        lanes: this.#lanes,
        intake: this.#intake,
        metrics,
        closeIntake: () => this.#closeIntake("circuit", ({ hasBegun }) => hasBegun),
        takeSuspect: () => this.#isolation.takeSuspect(),
        countHeld: () => this.#underWay.countUnreplaced(),
        closed: () => this.#isolation.advance(),
      });
    const outcomes = new Outcomes({
      ...parts,
      metrics,
      notes: this.#notes,
      circuit: () => this.#circuit,
      isDraining: () => this.#draining,
      park: (handling, replaced) => this.#park(handling, replaced),
      resume: (handling) => this.#lanes.resume(handling),
      finish: (handling, settled) => this.#finish(handling, settled),
      returnUntried: (handling, delayMs) => this.#returnUntried(handling, delayMs),
    });
    const operations = new ProcessMetrics(parts.connection.peer, subscription.durable);
    this.#attempts = new AttemptRunner({ ...parts, operations }, outcomes);
  }

  get durable(): string {
    return this.#parts.subscription.durable;
  }

  async start(): Promise<void> {
    const { connection, subscription, clock, open } = this.#parts;
    const topology = subscriptionTopology(subscription);
    const listener: ConsumptionListener = {
      onDelivery: (delivery) => this.#accept(delivery),
      onReplay: () => this.#settled.clear(),
    };
    const consumption = await (open?.(listener) ?? connection.consume(topology, listener));
    this.#endSweep = sweepRegularly({
      clock,
      underWay: this.#underWay,
      attempts: this.#attempts,
      ackWaitMs: topology.ackWaitMs,
      timeoutMs: subscription.policy.timeoutMs,
    });
    this.#intake.begin(consumption);
    this.#endMeasuring = this.#metrics.watchBacklog(() => this.#intake.health());
  }

  health(): ConsumptionHealth {
    const health = this.#intake.health();
    const problem = this.#circuit?.problem;
    return problem === undefined ? health : { ...health, pulling: false, problem };
  }

  /**
   * Stops pulling and handles what is here already for half of `graceMs`; gives back what no handler works on then, and waits
   * for the running ones; after `graceMs` they are aborted. What is given back waits until this instance no longer pulls, or it
   * would come right back. In order, it also waits for the handlers: what one of them fails at comes before the later events
   * of its key.
   */
  async stop(graceMs: number): Promise<void> {
    const { clock, logger } = this.#parts;
    const startedAt = clock.now();
    this.#draining = true;
    this.#circuit?.stop();
    for (const handling of this.#underWay.all()) {
      handling.cancelPark?.();
    }
    const late = await this.#intake.stop();
    await this.#waitUntil(() => this.#lanes.isAtRest, graceMs / 2);
    this.#lanes.hold();
    const waitUntilIdle = async () => {
      const isIdleInTime = await this.#waitUntil(
        () => [...this.#underWay.all()].every(isIdle),
        Math.max(0, graceMs - (clock.now() - startedAt)),
      );
      if (!isIdleInTime) {
        const error = new ThroughlineError("BUS_STOPPED", "The service stopped before the handler was done.");
        logger.warn({ running: this.#underWay.size }, "grace period over; running handlers are aborted");
        for (const handling of this.#underWay.all()) {
          this.#attempts.expire(handling, error);
        }
      }
    };
    const giveBackIdle = (deliveries: readonly Delivery[]) =>
      this.#giveBack([...this.#underWay.all()].filter(isIdle), deliveries, giveBackDelayMs);
    if (this.#parts.subscription.order === "key") {
      await waitUntilIdle();
      await giveBackIdle(late);
    } else {
      await giveBackIdle(late);
      await waitUntilIdle();
    }
    this.#endMeasuring();
    this.#endSweep();
  }

  /** Somebody else has the events already: handlers are aborted, and nothing is answered any more. */
  abandon(): void {
    if (this.#draining) {
      return;
    }
    this.#draining = true;
    this.#circuit?.stop();
    this.#lanes.hold();
    this.#endMeasuring();
    this.#endSweep();
    const error = new ThroughlineError("BUS_STOPPED", "The partition was taken over by another instance.");
    for (const handling of this.#underWay.all()) {
      handling.cancelPark?.();
      handling.running?.abort(error);
      handling.running = undefined;
    }
    void this.#intake.stop();
  }

  /** An event that was brought back from the dead letters; it has credits of its own. */
  acceptRedriven(delivery: Delivery): void {
    this.#take(delivery, true);
  }

  #accept(delivery: Delivery): void {
    this.#intake.noteArrival();
    if (wasDeliveredBefore(delivery)) {
      this.#metrics.redelivered();
    }
    if (!this.#take(delivery, false)) {
      this.#intake.grantOne();
    }
  }

  /** False when the delivery leads to no work of its own, so that another one may come in its place. */
  #take(delivery: Delivery, isRedriven: boolean): boolean {
    const held = this.#underWay.find(delivery);
    if (held !== undefined) {
      // The broker lost patience, or an extension got lost: it is still the same work.
      held.delivery = delivery;
      return false;
    }
    if (this.#settled.has(idOf(delivery))) {
      delivery.acknowledge();
      return false;
    }
    if (!this.#intake.admits(delivery)) {
      return true;
    }
    const { subscription, clock } = this.#parts;
    const handling = new Handling(delivery, clock.now(), this.#start);
    if (!subscription.contracts.has(handling.type)) {
      // Servers before 2.10 filter by one subject only and deliver neighbours too.
      delivery.acknowledge();
      return false;
    }
    handling.isReplaced = isRedriven;
    this.#underWay.add(handling);
    const waitsForKey = this.#lanes.enqueue(handling);
    if (waitsForKey && this.#underWay.hasRoom) {
      // What stands in line behind a slow or failing key must not use up what other keys could be asked with.
      this.#intake.replace(handling);
    }
    this.#circuit?.offer();
    return true;
  }

  /** A lane lets the handling begin. What was delivered before is looked up first. */
  readonly #start = (handling: Handling): void => {
    if (this.#parts.ownership?.isValid() === false) {
      // Somebody else has it by now, or will have it soon; no answer from here may reach it there.
      this.#lanes.park();
    } else if (!handling.isKnown) {
      void this.#notes.learn(handling).then(() => this.#start(handling));
    } else if (!handling.isSuspect || handling.isOnTrial) {
      this.#attempts.run(handling);
    } else if (handling.trial === "beside-others" || this.#circuit?.isProbe(handling) === true) {
      void this.#notes.trialBegins(handling).then(() => this.#start(handling));
    } else if (this.#draining) {
      void this.#returnUntried(handling, giveBackDelayMs);
    } else {
      this.#isolation.add(handling);
    }
  };

  async #startInTurn(handling: Handling): Promise<void> {
    await this.#notes.trialBegins(handling);
    this.#lanes.startNow(handling);
  }

  #park(handling: Handling, replaced: boolean): void {
    handling.state = "parked";
    this.#lanes.park();
    if (replaced) {
      this.#intake.replace(handling);
    }
    this.#isolation.advance(handling);
    this.#checkWaiting?.();
  }

  #finish(handling: Handling, settled: boolean): void {
    if (settled) {
      this.#settled.add(idOf(handling.delivery));
    }
    this.#underWay.remove(handling);
    this.#lanes.release(handling);
    this.#isolation.advance(handling);
    if (!this.#draining) {
      this.#intake.replace(handling);
    }
    this.#checkWaiting?.();
  }

  /** Nobody tried it, and whoever gets it next is told so. */
  async #returnUntried(handling: Handling, delayMs: number): Promise<void> {
    await this.#notes.returned([handling]);
    handling.delivery.retry(delayMs);
    this.#finish(handling, false);
  }

  /** Another instance can have what waits here: at once, or, to keep the order, when nothing arrives any more. */
  #closeIntake(reason: ClosingReason, stays: (handling: Handling) => boolean): void {
    if (this.#draining) {
      return;
    }
    const waiting = this.#lanes.takeWaiting(stays);
    const keepsOrder = this.#parts.subscription.order === "key";
    if (!keepsOrder) {
      void this.#giveBack(waiting, [], 0);
    }
    this.#intake.close(reason, (late) => this.#giveBack(keepsOrder ? waiting : [], late, 0));
  }

  /** In the order of the stream, so that a key's events come again in theirs. */
  async #giveBack(handlings: readonly Handling[], late: readonly Delivery[], delayMs: number): Promise<void> {
    const { clock } = this.#parts;
    for (const handling of handlings) {
      // Whoever stops meanwhile waits for it instead of giving it back once more.
      handling.state = "busy";
    }
    const all = [...handlings, ...late.map((delivery) => new Handling(delivery, clock.now(), this.#start))];
    await this.#notes.returned(all);
    for (const { delivery } of all.sort((a, b) => idOf(a.delivery) - idOf(b.delivery))) {
      delivery.retry(delayMs);
    }
    for (const handling of handlings) {
      this.#underWay.remove(handling);
    }
    this.#checkWaiting?.();
  }

  /** Whether it came to be before the time was over. */
  #waitUntil(isReached: () => boolean, ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (reached: boolean) => {
        cancel();
        this.#checkWaiting = undefined;
        resolve(reached);
      };
      const cancel = this.#parts.clock.schedule(ms, () => end(false));
      this.#checkWaiting = () => {
        if (isReached()) {
          end(true);
        }
      };
      this.#checkWaiting();
    });
  }
}
