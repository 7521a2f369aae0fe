// The engine of delivery for one subscription: credits, lanes, attempts, and exactly one answer for every delivery.
// A delivery is acknowledged after its handler returned, terminated after its dead letter was stored, or delivered again.

import type { Span } from "@opentelemetry/api";
import { ThroughlineError } from "@throughline/contracts";
import { type DeadLetterReason, storeDeadLetter } from "../dead-letters/dead-letter.ts";
import { decideFailureOutcome } from "../policies/failure-outcome.ts";
import type { Logger } from "../telemetry/logger.ts";
import { spanEventNames } from "../telemetry/telemetry-names.ts";
import { recordFailure } from "../telemetry/tracing.ts";
import type { Consumption, ConsumptionHealth, Delivery, TransportConnection } from "../transport.ts";
import { AttemptRunner, type AttemptRunnerParts } from "./attempt-runner.ts";
import { Handling } from "./handling.ts";
import { Lanes } from "./lanes.ts";
import { SettledSequences } from "./settled-sequences.ts";
import { ackWaitMs, subscriptionTopology } from "./subscription-topology.ts";

export interface RunnerParts extends AttemptRunnerParts {
  readonly service: string;
  readonly connection: TransportConnection;
}

/** How long to wait before a dead letter whose write failed is written again. */
const deadLetterRetryMs = 2_000;
/**
 * What is given back comes again after this long. A server may still hand messages to an inbox that was left less than
 * 250 ms ago, where nobody would answer before the ack wait is over.
 */
const giveBackDelayMs = 300;
/** Events held at a time, those that wait behind their key included; beyond that, a busy key does slow others down. */
const maxHeld = 4_096;
const maxHeldBytes = 64 * 1_048_576;
const sweepsPerAckWait = 3;

export class SubscriptionRunner {
  readonly #parts: RunnerParts;
  readonly #attempts: AttemptRunner;
  readonly #lanes: Lanes<Handling>;
  readonly #maxInFlight: number;
  /** What is under way, by its sequence in the stream. */
  readonly #handlings = new Map<number, Handling>();
  readonly #settled = new SettledSequences();
  #heldBytes = 0;
  /** What arrived after pulling had stopped. */
  readonly #lateDeliveries: Delivery[] = [];
  #consumption: Consumption | undefined;
  #cancelSweep: (() => void) | undefined;
  #draining = false;
  #whenIdle: (() => void) | undefined;

  constructor(parts: RunnerParts) {
    const { subscription } = parts;
    this.#parts = parts;
    this.#attempts = new AttemptRunner(parts, {
      succeeded: (handling) => this.#succeed(handling),
      failed: (handling, span, error, unreadable) => this.#fail(handling, span, error, unreadable),
      crashedRepeatedly: (handling, span, error) => void this.#deadLetter(handling, span, "crashed-repeatedly", error),
    });
    this.#lanes = new Lanes(subscription.concurrency);
    this.#maxInFlight = Math.max(64, subscription.concurrency * 2);
  }

  get durable(): string {
    return this.#parts.subscription.durable;
  }

  async start(): Promise<void> {
    const { connection, subscription } = this.#parts;
    this.#consumption = await connection.consume(subscriptionTopology(subscription), {
      onDelivery: (delivery) => this.#accept(delivery),
      onReplay: () => this.#settled.clear(),
    });
    this.#scheduleSweep();
    this.#consumption.grant(this.#maxInFlight);
  }

  health(): ConsumptionHealth {
    return this.#consumption?.health() ?? { pulling: false, problem: "not started" };
  }

  /**
   * Stops pulling, gives back what has not started, and waits for running handlers; after `graceMs` they are aborted.
   * What is given back waits until this instance no longer pulls, or it would come right back.
   */
  async stop(graceMs: number): Promise<void> {
    this.#draining = true;
    const waiting = this.#lanes.clear();
    const parked = [...this.#handlings.values()].filter(({ cancelPark }) => cancelPark !== undefined);
    for (const handling of parked) {
      handling.cancelPark?.();
    }
    await this.#consumption?.stop();
    for (const handling of [...waiting, ...parked]) {
      handling.delivery.retry(giveBackDelayMs);
      this.#forget(handling);
    }
    for (const delivery of this.#lateDeliveries) {
      delivery.retry(giveBackDelayMs);
    }
    await this.#waitUntilIdle(graceMs);
    this.#cancelSweep?.();
  }

  #accept(delivery: Delivery): void {
    const { sequence } = delivery.storedAt;
    const held = this.#handlings.get(sequence);
    if (held !== undefined) {
      // The broker lost patience, or an extension got lost: it is still the same work.
      held.delivery = delivery;
      this.#consumption?.grant(1);
      return;
    }
    if (this.#settled.has(sequence)) {
      delivery.acknowledge();
      this.#consumption?.grant(1);
      return;
    }
    if (this.#draining) {
      this.#lateDeliveries.push(delivery);
      return;
    }
    const { subscription, clock } = this.#parts;
    const handling = new Handling(delivery, clock.now(), this.#attempts.run);
    if (!subscription.contracts.has(handling.type)) {
      // Servers before 2.10 filter by one subject only and deliver neighbours too.
      delivery.acknowledge();
      this.#consumption?.grant(1);
      return;
    }
    this.#handlings.set(sequence, handling);
    this.#heldBytes += delivery.message.body.length;
    const waitsForKey = this.#lanes.enqueue(handling);
    if (waitsForKey && this.#handlings.size < maxHeld && this.#heldBytes < maxHeldBytes) {
      // What stands in line behind a slow or failing key must not use up what other keys could be asked with.
      this.#replace(handling);
    }
  }

  #succeed(handling: Handling): void {
    handling.delivery.acknowledge();
    this.#finish(handling, true);
  }

  /** Ends the attempt's span with its error and does what the failure leads to. */
  #fail(handling: Handling, span: Span, thrown: unknown, unreadable: boolean): void {
    const { subscription, clock } = this.#parts;
    const { attempt } = handling;
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    handling.firstFailureMs ??= clock.now();
    recordFailure(span, error);
    const outcome = decideFailureOutcome(subscription.policy, { error, attempt, unreadable }, clock.random());
    if (outcome.kind === "dead-letter") {
      void this.#deadLetter(handling, span, outcome.reason, error);
    } else if (outcome.kind === "retry") {
      const { delayMs } = outcome;
      span.addEvent(spanEventNames.retryScheduled, { "throughline.retry.delay_ms": delayMs });
      span.end();
      this.#log(handling).warn({ err: error, attempt, delayMs }, "attempt failed; will be tried again");
      this.#retry(handling, delayMs, subscription.order === "key");
    } else {
      span.addEvent(spanEventNames.dropped);
      span.end();
      this.#log(handling).warn({ err: error, attempt }, "last attempt failed; dropped as the policy says");
      handling.delivery.terminate("dropped after the last attempt");
      this.#finish(handling, true);
    }
  }

  #retry(handling: Handling, delayMs: number, holdKey: boolean): void {
    if (this.#draining || !holdKey) {
      handling.delivery.retry(delayMs);
      this.#finish(handling, false);
      return;
    }
    handling.countHeldAttempt();
    this.#park(handling, delayMs, () => this.#lanes.resume(handling));
  }

  /** Holds the key without a slot and without a credit: other keys go on at full width. */
  #park(handling: Handling, delayMs: number, resume: () => void): void {
    const cancel = this.#parts.clock.schedule(delayMs, () => {
      handling.cancelPark = undefined;
      resume();
    });
    handling.cancelPark = cancel;
    this.#lanes.park();
    this.#replace(handling);
  }

  #replace(handling: Handling): void {
    if (!handling.isReplaced) {
      handling.isReplaced = true;
      this.#consumption?.grant(1);
    }
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
      this.#retry(handling, deadLetterRetryMs, subscription.order === "key");
      return;
    }
    span.addEvent(spanEventNames.deadLettered, { "throughline.dead_letter.reason": reason });
    span.end();
    this.#log(handling).error({ err: error, reason, attempts }, "dead-lettered");
    handling.delivery.terminate(`dead-lettered: ${reason}`);
    this.#finish(handling, true);
  }

  /** `settled`: the message is done with, and would be answered the same way if it came again. */
  #finish(handling: Handling, settled: boolean): void {
    if (settled) {
      this.#settled.add(handling.delivery.storedAt.sequence);
    }
    this.#forget(handling);
    this.#lanes.release(handling);
    if (!this.#draining) {
      this.#replace(handling);
    } else if (this.#handlings.size === 0) {
      this.#whenIdle?.();
    }
  }

  #forget(handling: Handling): void {
    this.#heldBytes -= handling.delivery.message.body.length;
    this.#handlings.delete(handling.delivery.storedAt.sequence);
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
