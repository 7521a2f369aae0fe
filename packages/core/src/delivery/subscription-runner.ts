// The engine of delivery for one subscription: lanes, attempts, and exactly one answer for every delivery.
// A delivery is acknowledged after its handler returned, terminated after its dead letter was stored, or delivered again.

import type { Span } from "@opentelemetry/api";
import { ThroughlineError } from "@throughline/contracts";
import { type DeadLetterReason, storeDeadLetter } from "../dead-letters/dead-letter.ts";
import { decideFailureOutcome, type FailureOutcome } from "../policies/failure-outcome.ts";
import type { Logger } from "../telemetry/logger.ts";
import { SubscriptionMetrics } from "../telemetry/metrics.ts";
import { attributeNames, spanEventNames } from "../telemetry/telemetry-names.ts";
import { errorType, recordFailure } from "../telemetry/tracing.ts";
import type {
  Consumption,
  ConsumptionHealth,
  ConsumptionListener,
  Delivery,
  TransportConnection,
} from "../transport.ts";
import { AttemptRunner, type AttemptRunnerParts } from "./attempt-runner.ts";
import { CircuitGate } from "./circuit-gate.ts";
import { idOf } from "./delivery-id.ts";
import { Handling } from "./handling.ts";
import { type ClosingReason, Intake } from "./intake.ts";
import { Isolation } from "./isolation.ts";
import { Lanes } from "./lanes.ts";
import type { Runner } from "./runner.ts";
import { SettledSequences } from "./settled-sequences.ts";
import { ackWaitMs, subscriptionTopology } from "./subscription-topology.ts";

export interface RunnerParts extends AttemptRunnerParts {
  readonly service: string;
  readonly connection: TransportConnection;
  /** How its deliveries are had. Default: all of the subscription's. */
  readonly open?: (listener: ConsumptionListener) => Promise<Consumption>;
  /** How many runners share the subscription's concurrency. Default 1. */
  readonly share?: number;
}

/** How long to wait before a dead letter whose write failed is written again. */
const deadLetterRetryMs = 2_000;
/**
 * What is given back comes again after this long. A server may still hand messages to an inbox that was left less than
 * 250 ms ago, where nobody would answer before the ack wait is over.
 */
const giveBackDelayMs = 300;
/** Giving back goes on without notes when they take longer than this. */
const noteAtMostMs = 2_000;
/** Events held at a time, those that wait behind their key included; beyond that, a busy key does slow others down. */
const maxHeld = 4_096;
const maxHeldBytes = 64 * 1_048_576;
const sweepsPerAckWait = 3;

export class SubscriptionRunner implements Runner {
  readonly #parts: RunnerParts;
  readonly #attempts: AttemptRunner;
  readonly #lanes: Lanes<Handling>;
  readonly #intake: Intake;
  readonly #isolation: Isolation;
  readonly #circuit: CircuitGate | undefined;
  readonly #metrics: SubscriptionMetrics;
  /** What is under way, by its sequence in the stream. */
  readonly #handlings = new Map<number, Handling>();
  readonly #settled = new SettledSequences();
  #heldBytes = 0;
  #cancelSweep: (() => void) | undefined;
  #draining = false;
  #whenIdle: (() => void) | undefined;

  constructor(parts: RunnerParts) {
    const { subscription } = parts;
    this.#parts = parts;
    this.#metrics = new SubscriptionMetrics(subscription.durable);
    this.#attempts = new AttemptRunner(parts, {
      succeeded: (handling) => this.#succeed(handling),
      failed: (handling, span, error, unreadable) => this.#fail(handling, span, error, unreadable),
      crashedRepeatedly: (handling, span, error) => this.#giveUp(handling, span, error),
    });
    const concurrency = Math.ceil(subscription.concurrency / (parts.share ?? 1));
    this.#lanes = new Lanes(concurrency);
    const bounce = (delivery: Delivery) => void this.#giveBack([], [delivery], 0);
    this.#intake = new Intake(Math.max(64, concurrency * 2), subscription.order === "none" ? bounce : undefined);
    this.#isolation = new Isolation({
      lanes: this.#lanes,
      mayBegin: () => !this.#draining && this.#circuit?.isOpen !== true,
      begin: (handling) => void this.#startInTurn(handling),
      closeIntake: () => {
        if (!this.#draining) {
          const waiting = this.#lanes.takeWaiting(({ hasBegun, redelivered }) => hasBegun || redelivered);
          this.#closeIntake("isolation", waiting);
        }
      },
      openIntake: () => this.#intake.open("isolation", () => this.#countHeld()),
    });
    const { breaker } = subscription.policy;
    this.#circuit =
      breaker &&
      new CircuitGate(breaker, parts, {
        lanes: this.#lanes,
        intake: this.#intake,
        metrics: this.#metrics,
        closeIntake: (waiting) => this.#closeIntake("circuit", waiting),
        takeSuspect: () => this.#isolation.takeSuspect(),
        countHeld: () => this.#countHeld(),
        closed: () => this.#isolation.advance(),
      });
  }

  get durable(): string {
    return this.#parts.subscription.durable;
  }

  async start(): Promise<void> {
    const { connection, subscription, open } = this.#parts;
    const listener: ConsumptionListener = {
      onDelivery: (delivery) => this.#accept(delivery),
      onReplay: () => this.#settled.clear(),
    };
    const consumption = await (open?.(listener) ?? connection.consume(subscriptionTopology(subscription), listener));
    this.#scheduleSweep();
    this.#intake.begin(consumption);
  }

  health(): ConsumptionHealth {
    const health = this.#intake.health();
    const problem = this.#circuit?.problem;
    return problem === undefined ? health : { ...health, pulling: false, problem };
  }

  /**
   * Stops pulling, gives back what no handler works on, and waits for running handlers; after `graceMs` they are
   * aborted. What is given back waits until this instance no longer pulls, or it would come right back.
   */
  async stop(graceMs: number): Promise<void> {
    this.#draining = true;
    this.#circuit?.stop();
    this.#lanes.hold();
    for (const handling of this.#handlings.values()) {
      handling.cancelPark?.();
    }
    const late = await this.#intake.stop();
    const idle = [...this.#handlings.values()].filter(({ state }) => state !== "busy");
    await this.#giveBack(idle, late, giveBackDelayMs);
    await this.#waitUntilIdle(graceMs);
    this.#cancelSweep?.();
  }

  #accept(delivery: Delivery): void {
    this.#intake.noteArrival();
    if (!this.#take(delivery, false)) {
      this.#intake.grantOne();
    }
  }

  /** An event that was brought back from the dead letters; it has credits of its own. */
  acceptRedriven(delivery: Delivery): void {
    this.#take(delivery, true);
  }

  /** False when the delivery leads to no work of its own, so that another one may come in its place. */
  #take(delivery: Delivery, isRedriven: boolean): boolean {
    const id = idOf(delivery);
    const held = this.#handlings.get(id);
    if (held !== undefined) {
      // The broker lost patience, or an extension got lost: it is still the same work.
      held.delivery = delivery;
      return false;
    }
    if (this.#settled.has(id)) {
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
    this.#handlings.set(id, handling);
    this.#heldBytes += delivery.message.body.length;
    const waitsForKey = this.#lanes.enqueue(handling);
    if (waitsForKey && this.#handlings.size < maxHeld && this.#heldBytes < maxHeldBytes) {
      // What stands in line behind a slow or failing key must not use up what other keys could be asked with.
      this.#intake.replace(handling);
    }
    this.#circuit?.offer();
    return true;
  }

  /** A lane lets the handling begin. What was delivered before is looked up first. */
  readonly #start = (handling: Handling): void => {
    if (this.#parts.ownership?.isValid() === false) {
      // Somebody else may have the partition by now.
      void this.#returnUntried(handling, giveBackDelayMs);
    } else if (!handling.isKnown) {
      void this.#learn(handling).then(() => this.#start(handling));
    } else if (!handling.isSuspect || handling.isOnTrial) {
      this.#attempts.run(handling);
    } else if (handling.trial === "beside-others" || this.#circuit?.isProbe(handling) === true) {
      void this.#noteTrial(handling).then(() => this.#attempts.run(handling));
    } else if (this.#draining) {
      void this.#returnUntried(handling, giveBackDelayMs);
    } else {
      this.#isolation.add(handling);
    }
  };

  async #startInTurn(handling: Handling): Promise<void> {
    await this.#noteTrial(handling);
    this.#lanes.startNow(handling);
  }

  async #learn(handling: Handling): Promise<void> {
    const { connection, subscription } = this.#parts;
    try {
      handling.learn((await connection.attempts.read(subscription.durable, handling.delivery.storedAt)) ?? "none");
    } catch (error) {
      handling.learn("unreadable");
      this.#log(handling).warn({ err: error }, "earlier attempts are not known; each delivery counts as one");
    }
  }

  async #noteTrial(handling: Handling): Promise<void> {
    handling.beginTrial();
    await this.#writeRecord(handling);
  }

  /** An acknowledgement may get lost; that must not look like another death. */
  #endTrial(handling: Handling): void {
    if (handling.isOnTrial) {
      handling.endTrial();
      void this.#writeRecord(handling);
    }
  }

  async #writeRecord(handling: Handling, error?: Error): Promise<void> {
    const { connection, subscription, clock } = this.#parts;
    const record = handling.record(clock.now(), error && { name: errorType(error), message: error.message });
    try {
      await connection.attempts.write(subscription.durable, handling.delivery.storedAt, record);
    } catch (failure) {
      this.#log(handling).warn({ err: failure }, "an attempt could not be noted; it will not count after a redelivery");
    }
  }

  #succeed(handling: Handling): void {
    this.#endTrial(handling);
    handling.delivery.acknowledge();
    if (!this.#draining) {
      this.#circuit?.succeeded(handling);
    }
    this.#finish(handling, true);
  }

  /** Decides what the failure leads to, for the event and for the circuit, and ends the attempt's span with it. */
  #fail(handling: Handling, span: Span, thrown: unknown, unreadable: boolean): void {
    const { subscription, clock } = this.#parts;
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const { attempt } = handling;
    const outcome = decideFailureOutcome(subscription.policy, { error, attempt, unreadable }, clock.random());
    if (outcome.kind === "done") {
      this.#endAsExpected(handling, span, error);
      return;
    }
    handling.firstFailureMs ??= clock.now();
    recordFailure(span, error);
    if (this.#circuit === undefined || this.#draining) {
      this.#settleFailure(handling, span, error, outcome);
    } else if (outcome.kind === "dead-letter" && outcome.reason !== "attempts-exhausted") {
      this.#circuit.answered(handling, unreadable);
      this.#settleFailure(handling, span, error, outcome);
    } else {
      void this.#circuit.failed(handling, span, error).then((isHeld) => {
        if (isHeld && !this.#draining) {
          span.end();
          this.#hold(handling, error);
        } else {
          this.#settleFailure(handling, span, error, outcome);
        }
      });
    }
  }

  /** No handler saw it, so it says nothing about what the handlers depend on. */
  #giveUp(handling: Handling, span: Span, error: Error): void {
    this.#circuit?.answered(handling, true);
    void this.#deadLetter(handling, span, "crashed-repeatedly", error);
  }

  #endAsExpected(handling: Handling, span: Span, error: Error): void {
    span.addEvent(spanEventNames.expected, { [attributeNames.errorType]: errorType(error) });
    span.end();
    this.#metrics.endedAsExpected(errorType(error));
    this.#log(handling).info({ reason: error.message }, "done, as the handler's error says");
    this.#succeed(handling);
  }

  #settleFailure(handling: Handling, span: Span, error: Error, outcome: FailureOutcome): void {
    const { attempt } = handling;
    if (outcome.kind === "dead-letter") {
      void this.#deadLetter(handling, span, outcome.reason, error);
    } else if (outcome.kind === "retry") {
      const { delayMs, counted } = outcome;
      span.addEvent(spanEventNames.retryScheduled, { [attributeNames.retryDelay]: delayMs });
      span.end();
      this.#metrics.retried(errorType(error));
      this.#log(handling).warn({ err: error, attempt, delayMs }, "attempt failed; will be tried again");
      void this.#retry(handling, delayMs, counted ? error : undefined);
    } else {
      span.addEvent(spanEventNames.dropped);
      span.end();
      this.#metrics.dropped(errorType(error));
      this.#log(handling).warn({ err: error, attempt }, "last attempt failed; dropped as the policy says");
      handling.delivery.terminate("dropped after the last attempt");
      this.#finish(handling, true);
    }
  }

  /** The circuit is open: the event waits here for it, and its attempt does not count. */
  #hold(handling: Handling, error: Error): void {
    this.#log(handling).warn({ err: error }, "attempt failed; held while the circuit is open");
    this.#endTrial(handling);
    handling.state = "parked";
    this.#lanes.park();
    this.#isolation.advance(handling);
    this.#circuit?.hold(handling);
  }

  /** `failure`: what makes this an attempt that counts. */
  async #retry(handling: Handling, delayMs: number, failure: Error | undefined): Promise<void> {
    const staysHere = !this.#draining && this.#parts.subscription.order === "key";
    if (failure !== undefined) {
      handling.countFailure();
      await this.#writeRecord(handling, failure);
    } else if (staysHere) {
      this.#endTrial(handling);
    } else {
      await this.#returnUntried(handling, delayMs);
      return;
    }
    if (!staysHere) {
      handling.delivery.retry(delayMs);
      this.#finish(handling, false);
      return;
    }
    // Holds the key without a slot and without a credit: other keys go on at full width.
    handling.cancelPark = this.#parts.clock.schedule(delayMs, () => {
      handling.cancelPark = undefined;
      this.#lanes.resume(handling);
    });
    handling.state = "parked";
    this.#lanes.park();
    this.#intake.replace(handling);
    this.#isolation.advance(handling);
  }

  async #deadLetter(handling: Handling, span: Span, reason: DeadLetterReason, error: Error): Promise<void> {
    const { service, subscription, clock, connection } = this.#parts;
    const attempts = handling.attempt;
    const firstFailureMs = handling.firstFailureMs ?? clock.now();
    const facts = { service, subscription: subscription.name, reason, error, attempts, firstFailureMs };
    try {
      await storeDeadLetter(connection, handling.delivery, facts);
    } catch (failure) {
      span.end();
      this.#log(handling).error(
        { err: failure, reason },
        "the dead letter could not be stored; the event is kept and tried again",
      );
      await this.#retry(handling, deadLetterRetryMs, undefined);
      return;
    }
    span.addEvent(spanEventNames.deadLettered, { [attributeNames.deadLetterReason]: reason });
    span.end();
    this.#metrics.deadLettered(reason);
    this.#log(handling).error({ err: error, reason, attempts }, "dead-lettered");
    handling.delivery.terminate(`dead-lettered: ${reason}`);
    this.#finish(handling, true);
  }

  /** `settled`: the message is done with, and would be answered the same way if it came again. */
  #finish(handling: Handling, settled: boolean): void {
    if (settled) {
      this.#settled.add(idOf(handling.delivery));
    }
    this.#forget(handling);
    this.#lanes.release(handling);
    this.#isolation.advance(handling);
    if (this.#draining) {
      this.#tellWhetherIdle();
    } else {
      this.#intake.replace(handling);
    }
  }

  #tellWhetherIdle(): void {
    if (this.#draining && this.#handlings.size === 0) {
      this.#whenIdle?.();
    }
  }

  #forget(handling: Handling): void {
    this.#heldBytes -= handling.delivery.message.body.length;
    this.#handlings.delete(idOf(handling.delivery));
  }

  /** Nobody tried it, and whoever gets it next is told so. */
  async #returnUntried(handling: Handling, delayMs: number): Promise<void> {
    await this.#noteReturns([handling]);
    handling.delivery.retry(delayMs);
    this.#finish(handling, false);
  }

  /** Another instance can have what waits here: at once, or, to keep the order, when nothing arrives any more. */
  #closeIntake(reason: ClosingReason, waiting: readonly Handling[]): void {
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
    await this.#noteReturns(all);
    for (const { delivery } of all.sort((a, b) => idOf(a.delivery) - idOf(b.delivery))) {
      delivery.retry(delayMs);
    }
    for (const handling of handlings) {
      this.#forget(handling);
    }
    this.#tellWhetherIdle();
  }

  /** A delivery that comes again without a reason looks like the death of a process. */
  async #noteReturns(handlings: readonly Handling[]): Promise<void> {
    const notes = handlings.map(async (handling) => {
      if (!handling.isKnown) {
        await this.#learn(handling);
      }
      if (handling.isOnTrial) {
        handling.endTrial();
      }
      handling.countReturn();
      await this.#writeRecord(handling);
    });
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const cancel = this.#parts.clock.schedule(noteAtMostMs, resolve);
    await Promise.race([Promise.all(notes), over]);
    cancel();
  }

  /** Deliveries here that no other was asked for in place of. */
  #countHeld(): number {
    let held = 0;
    for (const { isReplaced } of this.#handlings.values()) {
      held += isReplaced ? 0 : 1;
    }
    return held;
  }

  async #waitUntilIdle(graceMs: number): Promise<void> {
    if (this.#handlings.size === 0) {
      return;
    }
    const { clock, logger } = this.#parts;
    await new Promise<void>((resolve) => {
      const cancel = clock.schedule(graceMs, () => {
        const error = new ThroughlineError("BUS_STOPPED", "The service stopped before the handler was done.");
        logger.warn({ running: this.#handlings.size }, "grace period over; running handlers are aborted");
        for (const handling of this.#handlings.values()) {
          this.#attempts.expire(handling, error);
        }
        resolve();
      });
      this.#whenIdle = () => {
        cancel();
        resolve();
      };
    });
  }

  /** One timer for all deliveries: extends what is held and ends attempts that are over their time. */
  #scheduleSweep(): void {
    const { clock, subscription } = this.#parts;
    const intervalMs = Math.max(10, Math.min(ackWaitMs / sweepsPerAckWait, subscription.policy.timeoutMs / 4));
    this.#cancelSweep = clock.schedule(intervalMs, () => {
      this.#sweep(clock.now());
      this.#scheduleSweep();
    });
  }

  #sweep(now: number): void {
    const { timeoutMs } = this.#parts.subscription.policy;
    for (const handling of this.#handlings.values()) {
      if (handling.running !== undefined && now >= handling.running.deadlineMs) {
        const error = new ThroughlineError("BUS_HANDLER_TIMEOUT", `The handler took longer than ${timeoutMs} ms.`);
        this.#attempts.expire(handling, error);
      } else if (now - handling.lastExtendedMs >= ackWaitMs / sweepsPerAckWait) {
        handling.lastExtendedMs = now;
        handling.delivery.extend();
      }
    }
  }

  #log(handling: Handling): Logger {
    const { headers, subject } = handling.delivery.message;
    return this.#parts.logger.child({
      subject: subject.slice(0, 200),
      eventId: headers.get("ce-id"),
      correlationId: headers.get("ce-correlationid"),
      streamSequence: handling.delivery.storedAt.sequence,
    });
  }
}
