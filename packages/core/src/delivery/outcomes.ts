// What follows from the end of an attempt: exactly one answer to its delivery. Acknowledged after the handler returned,
// terminated after the dead letter was stored, given back for another attempt, or held here for one.

import type { Span } from "@opentelemetry/api";
import { type DeadLetterReason, storeDeadLetter } from "../dead-letters/dead-letter.ts";
import { decideFailureOutcome, type FailureOutcome } from "../policies/failure-outcome.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { SubscriptionMetrics } from "../telemetry/metrics.ts";
import { attributeNames, spanEventNames } from "../telemetry/telemetry-names.ts";
import { errorType, recordFailure } from "../telemetry/tracing.ts";
import type { AttemptNotes } from "./attempt-notes.ts";
import type { AttemptListener } from "./attempt-runner.ts";
import type { CircuitGate } from "./circuit-gate.ts";
import type { Handling } from "./handling.ts";
import type { RunnerParts } from "./subscription-runner.ts";

/** How long to wait before a dead letter whose write failed is written again. */
const deadLetterRetryMs = 2_000;

export interface OutcomesParts extends RunnerParts {
  readonly metrics: SubscriptionMetrics;
  readonly notes: AttemptNotes;
  readonly circuit: () => CircuitGate | undefined;
  readonly isDraining: () => boolean;
  /** Gives up its slot, keeps its key, and stays here; `replaced` by another delivery, where it stays for long. */
  readonly park: (handling: Handling, replaced: boolean) => void;
  readonly resume: (handling: Handling) => void;
  /** Its delivery is answered. `settled`: it would be answered the same way if it came again. */
  readonly finish: (handling: Handling, settled: boolean) => void;
  readonly returnUntried: (handling: Handling, delayMs: number) => Promise<void>;
}

export class Outcomes implements AttemptListener {
  readonly #parts: OutcomesParts;

  constructor(parts: OutcomesParts) {
    this.#parts = parts;
  }

  succeeded(handling: Handling): void {
    const { notes, circuit, isDraining, finish } = this.#parts;
    notes.trialEnded(handling);
    handling.delivery.acknowledge();
    if (!isDraining()) {
      circuit()?.succeeded(handling);
    }
    finish(handling, true);
  }

  /** Decides what the failure leads to, for the event and for the circuit, and ends the attempt's span with it. */
  failed(handling: Handling, span: Span, thrown: unknown, unreadable: boolean): void {
    const { subscription, clock, isDraining } = this.#parts;
    const circuit = this.#parts.circuit();
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const { attempt, postponed } = handling;
    const attempted = { error, attempt, unreadable, postponed };
    const outcome = decideFailureOutcome(subscription.policy, attempted, clock.random());
    if (outcome.kind === "done") {
      this.#endAsExpected(handling, span, error);
      return;
    }
    handling.firstFailureMs ??= clock.now();
    recordFailure(span, error);
    if (circuit === undefined || isDraining()) {
      this.#settle(handling, span, error, outcome);
    } else if (unreadable || (outcome.kind === "dead-letter" && outcome.reason !== "attempts-exhausted")) {
      circuit.answered(handling, unreadable);
      this.#settle(handling, span, error, outcome);
    } else {
      void circuit.failed(handling, span, error).then((isHeld) => {
        if (isHeld && !isDraining()) {
          span.end();
          this.#hold(handling, error);
        } else {
          this.#settle(handling, span, error, outcome);
        }
      });
    }
  }

  /** No handler saw it, so it says nothing about what the handlers depend on. */
  crashedRepeatedly(handling: Handling, span: Span, error: Error): void {
    this.#parts.circuit()?.answered(handling, true);
    void this.#deadLetter(handling, span, "crashed-repeatedly", error);
  }

  #endAsExpected(handling: Handling, span: Span, error: Error): void {
    span.addEvent(spanEventNames.expected, { [attributeNames.errorType]: errorType(error) });
    span.end();
    this.#parts.metrics.endedAsExpected(errorType(error));
    this.#log(handling).info({ reason: error.message }, "done, as the handler's error says");
    this.succeeded(handling);
  }

  #settle(handling: Handling, span: Span, error: Error, outcome: FailureOutcome): void {
    const { metrics, notes, finish } = this.#parts;
    const { attempt } = handling;
    if (outcome.kind === "dead-letter") {
      void this.#deadLetter(handling, span, outcome.reason, error);
    } else if (outcome.kind === "retry") {
      const { delayMs, counted } = outcome;
      span.addEvent(spanEventNames.retryScheduled, { [attributeNames.retryDelay]: delayMs });
      span.end();
      metrics.retried(errorType(error));
      this.#log(handling).warn({ err: error, attempt, delayMs }, "attempt failed; will be tried again");
      void this.#retry(handling, delayMs, counted ? error : undefined);
    } else if (outcome.kind === "postpone") {
      const { delayMs } = outcome;
      span.addEvent(spanEventNames.postponed, { [attributeNames.retryDelay]: delayMs });
      span.end();
      metrics.postponed();
      this.#log(handling).warn({ err: error, delayMs }, "written in a newer version than is known here; put off");
      void notes.postponed(handling, error).then(() => this.#comeAgain(handling, delayMs));
    } else {
      span.addEvent(spanEventNames.dropped);
      span.end();
      metrics.dropped(errorType(error));
      this.#log(handling).warn({ err: error, attempt }, "last attempt failed; dropped as the policy says");
      handling.delivery.terminate("dropped after the last attempt");
      finish(handling, true);
    }
  }

  /** The circuit is open: the event waits here for it, and its attempt does not count. */
  #hold(handling: Handling, error: Error): void {
    const { notes, park, circuit } = this.#parts;
    this.#log(handling).warn({ err: error }, "attempt failed; held while the circuit is open");
    notes.trialEnded(handling);
    park(handling, false);
    circuit()?.hold(handling);
  }

  /** `failure`: what makes this an attempt that counts. */
  async #retry(handling: Handling, delayMs: number, failure: Error | undefined): Promise<void> {
    const { subscription, notes, returnUntried } = this.#parts;
    if (failure !== undefined) {
      await notes.failed(handling, failure);
    } else if (subscription.order === "key") {
      notes.trialEnded(handling);
    } else {
      await returnUntried(handling, delayMs);
      return;
    }
    this.#comeAgain(handling, delayMs);
  }

  /** Held here with its key, or given back for whoever gets it then. */
  #comeAgain(handling: Handling, delayMs: number): void {
    const { subscription, clock, isDraining, park, resume, finish } = this.#parts;
    if (subscription.order === "key") {
      if (!isDraining()) {
        handling.cancelPark = clock.schedule(delayMs, () => {
          handling.cancelPark = undefined;
          resume(handling);
        });
      }
      // Without a slot and without a credit: other keys go on at full width. Whoever stops gives it back with the rest.
      park(handling, true);
    } else {
      handling.delivery.retry(delayMs);
      finish(handling, false);
    }
  }

  async #deadLetter(handling: Handling, span: Span, reason: DeadLetterReason, error: Error): Promise<void> {
    const { service, subscription, clock, connection, metrics, finish } = this.#parts;
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
    metrics.deadLettered(reason);
    this.#log(handling).error({ err: error, reason, attempts }, "dead-lettered");
    handling.delivery.terminate(`dead-lettered: ${reason}`);
    finish(handling, true);
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
