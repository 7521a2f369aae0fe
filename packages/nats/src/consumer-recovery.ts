// What lies between a pull that broke off and the next one: a pause, the consumer made sure of, and, in order, a wait for
// what comes again. Knows the problem meanwhile, for health.

import type { Logger, SubscriptionTopology } from "@throughline/core";
import type { ConsumerWatch } from "./consumer-watch.ts";
import type { Expected } from "./redelivery-order.ts";

/** What a service does about changes that others make to its durable consumers while it runs. */
export interface ConsumerPolicy {
  /**
   * `"recreate"` (default): made again where it was, so that nothing settled comes again and nothing is missed.
   * `"report"`: left as it is; health says so.
   */
  readonly whenDeleted?: "recreate" | "report";
  /**
   * `"wait"` (default): somebody had a reason; health says so. `"resume"`: the pause is lifted, also that of a circuit
   * breaker with scope "fleet".
   */
  readonly whenPaused?: "wait" | "resume";
}

export interface RecoveryParts {
  readonly subscription: SubscriptionTopology;
  readonly logger: Logger;
  readonly policy: ConsumerPolicy;
  /**
   * Brings stream and durable to what was declared; a durable that is gone begins behind `settledSequence`. "replay"
   * when the stream is another one than before: nothing of it was settled.
   */
  readonly restore: (settledSequence: number) => Promise<"same" | "replay">;
}

export interface RecoveryListener {
  /** Whoever set the durable back, or made it anew, means the events to be handled again. */
  onReplay(problem: string): void;
  /** The durable was made anew behind what was settled: its numbers begin again. */
  onRenewed(): void;
  /** From here on asking is safe. In order, `expected` comes before anything new. */
  onOver(expected?: Expected): void;
}

const firstPauseMs = 50;
const maxPauseMs = 2_000;
/**
 * How much longer than the ack wait to wait for what is delivered again. Members of a cluster tell each other the time of a
 * delivery in whole seconds, and a request that nobody listens to any more is served for another 250 ms.
 */
const orderSlackMs = 1_300;

interface Attempt {
  timer?: NodeJS.Timeout;
}

export class ConsumerRecovery {
  readonly #parts: RecoveryParts;
  readonly #watch: ConsumerWatch;
  readonly #listener: RecoveryListener;
  #current: Attempt | undefined;
  #pauseMs = firstPauseMs;
  /** When all that was on its way is ready to come again; undefined while more is asked for. */
  #redeliveryDueMs: number | undefined;
  #problem: string | undefined;
  #stopped = false;

  constructor(parts: RecoveryParts, watch: ConsumerWatch, listener: RecoveryListener) {
    this.#parts = parts;
    this.#watch = watch;
    this.#listener = listener;
  }

  /** Nothing may be asked for while it is. */
  get isUnderWay(): boolean {
    return this.#current !== undefined;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  /** Nothing is delivered, and nothing can be done about it here. */
  report(problem: string): void {
    if (this.#problem !== problem) {
      this.#problem = problem;
      this.#parts.logger.warn({ durable: this.#parts.subscription.durable, problem }, "nothing is delivered");
    }
  }

  /** Events come, or could come. */
  confirm(): void {
    if (this.#problem !== undefined) {
      this.#parts.logger.info({ durable: this.#parts.subscription.durable }, "pulling again");
      this.#problem = undefined;
    }
    this.#pauseMs = firstPauseMs;
  }

  /** Waits a little, makes sure that the consumer is there, and has it pulled from anew. */
  begin(problem: string): void {
    if (this.#stopped || this.#current !== undefined) {
      return;
    }
    const { logger, subscription } = this.#parts;
    this.#problem ??= problem;
    logger.warn({ durable: subscription.durable, problem, pauseMs: this.#pauseMs }, "pulling was interrupted");
    this.#restoreLater(this.#supersede());
  }

  /** The connection is new and the consumer as it was: only what was on its way is waited for. */
  beginConnected(): void {
    this.#resume(this.#supersede());
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#current?.timer);
  }

  /** From here on an attempt that began earlier has no say any more. */
  #supersede(): Attempt {
    clearTimeout(this.#current?.timer);
    this.#redeliveryDueMs ??= performance.now() + this.#parts.subscription.ackWaitMs + orderSlackMs;
    this.#current = {};
    return this.#current;
  }

  #restoreLater(attempt: Attempt): void {
    attempt.timer = setTimeout(() => void this.#restore(attempt), this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, maxPauseMs);
  }

  async #restore(attempt: Attempt): Promise<void> {
    const { logger, subscription, policy, restore } = this.#parts;
    const settledSequence = this.#watch.facts?.ack_floor.stream_seq ?? 0;
    const seen = await this.#watch.look();
    const isGone = seen?.finding.kind === "gone";
    if (isGone && policy.whenDeleted === "report") {
      this.#problem = "the durable consumer was deleted from outside";
      if (this.#isCurrent(attempt)) {
        this.#restoreLater(attempt);
      }
      return;
    }
    try {
      const outcome = await restore(settledSequence);
      if (outcome === "replay" || seen?.finding.kind === "replay") {
        this.#listener.onReplay("it was made anew");
      } else if (isGone) {
        this.#listener.onRenewed();
      }
    } catch (error) {
      logger.error({ err: error, durable: subscription.durable }, "the consumer could not be restored");
    }
    if (this.#isCurrent(attempt)) {
      this.#resume(attempt);
    }
  }

  #resume(attempt: Attempt): void {
    if (this.#parts.subscription.keepOrder) {
      void this.#awaitRedeliveries(attempt);
    } else {
      this.#end(attempt);
    }
  }

  /**
   * What was on its way when the connection broke, or when a process died, comes again after the ack wait, and new events
   * would overtake it. In order, so nothing is asked for until the server has it ready: it sends what is due again before
   * anything new. Further interruptions meanwhile lose nothing, so they do not make the wait longer.
   */
  async #awaitRedeliveries(attempt: Attempt): Promise<void> {
    const dueInMs = (this.#redeliveryDueMs ?? 0) - performance.now();
    attempt.timer = setTimeout(() => void this.#expectRedeliveries(attempt), dueInMs);
    const expected = await this.#lookForUnsettled();
    if (expected?.count === 0) {
      this.#end(attempt);
    } else if (this.#current === attempt) {
      this.#problem ??= "waiting for what was on its way, to keep the order";
    }
  }

  async #expectRedeliveries(attempt: Attempt): Promise<void> {
    const expected = await this.#lookForUnsettled();
    if (expected !== undefined) {
      this.#end(attempt, expected);
    } else if (this.#isCurrent(attempt)) {
      this.#restoreLater(attempt);
    }
  }

  /** What the server will deliver again unless it is settled before; undefined where it does not say. */
  async #lookForUnsettled(): Promise<Expected | undefined> {
    const answer = (await this.#watch.look())?.answer;
    if (answer?.ok !== true) {
      return undefined;
    }
    const { num_ack_pending: count, delivered } = answer.result;
    return { count, lastSequence: delivered.stream_seq };
  }

  #end(attempt: Attempt, expected?: Expected): void {
    if (this.#current === attempt) {
      clearTimeout(attempt.timer);
      this.#current = undefined;
      this.#redeliveryDueMs = undefined;
      this.#listener.onOver(expected);
    }
  }

  #isCurrent(attempt: Attempt): boolean {
    return this.#current === attempt && !this.#stopped;
  }
}
