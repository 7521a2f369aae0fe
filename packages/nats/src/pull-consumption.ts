// Pulls from one durable consumer, never more than was granted, and keeps pulling whatever happens to the connection,
// the server or the consumer. A pull that goes silent is noticed by its missing heartbeats and replaced; what heartbeats
// cannot tell (a pause, a consumer made anew, requests that got lost) is read from the server every few seconds.

import type { Msg, Subscription } from "@nats-io/nats-core";
import { createInbox } from "@nats-io/nats-core";
import type {
  Consumption,
  ConsumptionHealth,
  ConsumptionListener,
  Logger,
  SubscriptionTopology,
} from "@throughline/core";
import { parseAckReply } from "./ack-reply.ts";
import type { ConsumerFinding } from "./consumer-assessment.ts";
import { ConsumerWatch } from "./consumer-watch.ts";
import { decodeHeaderBlock, type HeaderBlock } from "./header-block.ts";
import type { JetStreamApi } from "./jetstream-api.ts";
import { type AnswerParts, JetStreamDelivery } from "./jetstream-delivery.ts";
import { rawHeaderBlock, replyOf } from "./raw-message.ts";
import { waitAtMost } from "./wait-at-most.ts";

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

export interface PullParts extends AnswerParts {
  readonly api: JetStreamApi;
  readonly inboxPrefix: string;
  readonly subscription: SubscriptionTopology;
  readonly logger: Logger;
  readonly listener: ConsumptionListener;
  readonly policy: ConsumerPolicy;
  readonly onStop: () => void;
  /** While it is false, silence is no news: the reconnect restarts every pull. */
  readonly isConnected: () => boolean;
  /**
   * Brings stream and durable to what was declared; a durable that is gone begins behind `settledSequence`. "replay"
   * when the stream is another one than before: nothing of it was settled.
   */
  readonly restore: (settledSequence: number) => Promise<"same" | "replay">;
}

const expiresMs = 10_000;
const heartbeatMs = 2_000;
/** Silence after which a pull counts as lost. */
const silenceMs = 2.5 * heartbeatMs;
const drainTimeoutMs = 1_000;
/** What is on its way when a pause begins is worth waiting for: it comes again in order only if it is given back. */
const quietTimeoutMs = 5_000;
/** A request as old as this is dropped by the server once nobody listens for its answer. */
const staleRequestMs = 300;
const nanosPerMs = 1_000_000;
/** Greater than that of any message. */
const noSequence = Number.MAX_SAFE_INTEGER;
const firstPauseMs = 50;
const maxPauseMs = 2_000;
/** How much longer than the ack wait to wait for what is delivered again: the server's timers are not exact. */
const orderSlackMs = 300;

/** Statuses of the server; see ADR-13 of nats-architecture-and-design. */
const status = { heartbeat: 100, noMessages: 404, expired: 408, noResponders: 503 } as const;

export class PullConsumption implements Consumption {
  readonly #parts: PullParts;
  readonly #subject: string;
  #inbox: string;
  #subscription: Subscription;
  readonly #silenceCheck: NodeJS.Timeout;
  readonly #watch: ConsumerWatch;
  /** Deliveries that may still come. */
  #granted = 0;
  /** Part of `granted` that was asked for at the server and has not come. */
  #requested = 0;
  #pulls = 0;
  #lastHeardMs = Date.now();
  #lastAskedMs = 0;
  #lastConsumerSequence = 0;
  /** Set while nothing is asked for: a pause after a failure, a restoration, a wait for redeliveries. */
  #recovery: { timer?: NodeJS.Timeout } | undefined;
  #pauseMs = firstPauseMs;
  #problem: string | undefined;
  #paused = false;
  #stopped = false;

  constructor(parts: PullParts) {
    this.#parts = parts;
    const { stream, durable } = parts.subscription;
    this.#subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`;
    this.#inbox = createInbox(parts.inboxPrefix);
    this.#subscription = this.#listen();
    this.#silenceCheck = setInterval(() => this.#checkSilence(), heartbeatMs / 2);
    this.#watch = new ConsumerWatch({
      api: parts.api,
      subscription: parts.subscription,
      openRequest: () => (this.#requested > 0 ? this.#pulls : undefined),
      isSteady: () => !this.#stopped && this.#recovery === undefined && parts.isConnected(),
      onFinding: (finding) => this.#onFinding(finding),
    });
  }

  grant(count: number): void {
    if (!this.#paused) {
      this.#granted += count;
      this.#pullIfWorthwhile();
    }
  }

  /**
   * Leaves the inbox, so that the server forgets the requests. It hands messages to an inbox without a listener while the
   * request is younger than 250 ms, so the last one is given time first.
   */
  async pause(): Promise<void> {
    this.#paused = true;
    this.#granted = 0;
    const youngMs = this.#lastAskedMs + staleRequestMs - Date.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, youngMs)));
    if (!this.#stopped && !this.#parts.connection.isClosed()) {
      await waitAtMost(quietTimeoutMs, this.#subscription.drain());
    }
    this.#requested = 0;
    this.#granted = 0;
  }

  /**
   * Answers and requests go through queues of their own in the server, so a request could be served before what was given
   * back a moment ago. The server's word on one more answer, to a message that nobody has, says that it is through.
   */
  async resume(): Promise<void> {
    const { connection, writer, subscription } = this.#parts;
    if (!this.#stopped && !connection.isClosed()) {
      writer.flush();
      const nobodys = `$JS.ACK.${subscription.stream}.${subscription.durable}.1.${noSequence}.${noSequence}.1.0`;
      await waitAtMost(drainTimeoutMs, connection.request(nobodys, "+WPI", { timeout: drainTimeoutMs }));
    }
    this.#paused = false;
    if (!this.#stopped && !this.#parts.connection.isClosed()) {
      this.#inbox = createInbox(this.#parts.inboxPrefix);
      this.#subscription = this.#listen();
    }
  }

  async holdFleet(forMs: number): Promise<void> {
    this.#parts.features.require("consumerPause", "pause of consumers");
    await this.#setPause({ pause_until: new Date(Date.now() + forMs).toISOString() });
  }

  async releaseFleet(): Promise<void> {
    await this.#setPause({});
  }

  health(): ConsumptionHealth {
    const { facts } = this.#watch;
    const lag = facts === undefined ? undefined : { lag: facts.num_pending };
    return this.#problem === undefined
      ? { pulling: !this.#stopped, ...lag }
      : { pulling: false, problem: this.#problem, ...lag };
  }

  /** Leaves the inbox; what the server had sent until then still arrives and is handed on to be given back. */
  async stop(): Promise<void> {
    if (this.#stopped) {
      return;
    }
    this.#stopped = true;
    this.#parts.onStop();
    clearInterval(this.#silenceCheck);
    clearTimeout(this.#recovery?.timer);
    this.#watch.stop();
    if (this.#parts.connection.isClosed()) {
      return;
    }
    await waitAtMost(drainTimeoutMs, this.#subscription.drain());
  }

  /** After a reconnect the old requests are gone: asks anew, in order only once nothing is on its way any more. */
  restart(): void {
    this.#requested = 0;
    this.#resume(this.#beginRecovery());
  }

  #listen(): Subscription {
    return this.#parts.connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) {
          this.#onMessage(message);
        }
      },
    });
  }

  async #setPause(pause: { readonly pause_until?: string }): Promise<void> {
    const { stream, durable } = this.#parts.subscription;
    await this.#parts.api.require(`CONSUMER.PAUSE.${stream}.${durable}`, pause);
  }

  /** Asks when nothing is on its way, or when half of the grant is free: few requests, no gap between batches. */
  #pullIfWorthwhile(): void {
    const missing = this.#granted - this.#requested;
    if (
      missing <= 0 ||
      this.#stopped ||
      this.#paused ||
      this.#recovery !== undefined ||
      (this.#requested > 0 && missing < this.#requested)
    ) {
      return;
    }
    if (this.#requested === 0) {
      this.#lastHeardMs = Date.now();
    }
    this.#requested += missing;
    this.#lastAskedMs = Date.now();
    const request = { batch: missing, expires: expiresMs * nanosPerMs, idle_heartbeat: heartbeatMs * nanosPerMs };
    try {
      this.#parts.connection.publish(this.#subject, JSON.stringify(request), {
        reply: `${this.#inbox}.${++this.#pulls}`,
      });
    } catch {
      this.#requested = 0;
    }
  }

  #onMessage(message: Msg): void {
    this.#lastHeardMs = Date.now();
    const block = rawHeaderBlock(message);
    const reading = block === undefined ? undefined : decodeHeaderBlock(block);
    // Only a delivery can be answered; a stored message that dresses up as a status stays a delivery.
    const replySubject = replyOf(message);
    const reply = parseAckReply(replySubject);
    if (reply === undefined) {
      if (reading !== undefined && "block" in reading) {
        this.#onStatus(reading.block);
      }
      return;
    }
    this.#granted = Math.max(0, this.#granted - 1);
    this.#requested = Math.max(0, this.#requested - 1);
    this.#recovered();
    if (reply.consumerSequence < this.#lastConsumerSequence) {
      // Numbers of one consumer only ever grow: this is another one, or one that was set back.
      this.#replay("it was set back or made anew from outside");
    }
    this.#lastConsumerSequence = reply.consumerSequence;
    this.#parts.listener.onDelivery(new JetStreamDelivery(this.#parts, message, replySubject, reply, reading));
    this.#pullIfWorthwhile();
  }

  #onStatus({ status: code, description, headers }: HeaderBlock): void {
    if (code === status.heartbeat) {
      this.#recoveredUnlessPaused();
    } else if (code === status.expired || code === status.noMessages) {
      this.#recoveredUnlessPaused();
      const unfilled = Number(headers.get("nats-pending-messages") ?? this.#requested);
      this.#requested = Math.max(0, this.#requested - unfilled);
      this.#pullIfWorthwhile();
    } else {
      this.#interrupt(code === status.noResponders ? "the consumer does not answer" : `${code} ${description}`);
    }
  }

  #checkSilence(): void {
    const silent = this.#requested > 0 && Date.now() - this.#lastHeardMs > silenceMs;
    if (silent && this.#recovery === undefined && this.#parts.isConnected()) {
      this.#interrupt("no heartbeat");
    }
  }

  #onFinding(finding: ConsumerFinding): void {
    const { logger, subscription, policy, api } = this.#parts;
    if (finding.kind === "well") {
      if (this.#requested > 0) {
        this.#recovered();
      }
      return;
    }
    if (finding.kind === "gone" || finding.kind === "stalled") {
      this.#interrupt(finding.problem);
    } else if (finding.kind === "replay") {
      this.#replay(finding.problem);
    } else if (finding.kind === "paused" && policy.whenPaused === "resume") {
      logger.warn({ durable: subscription.durable }, `${finding.problem}; resumed, as the policy says`);
      void api.request(`CONSUMER.PAUSE.${subscription.stream}.${subscription.durable}`).catch(() => undefined);
    } else if (this.#problem !== finding.problem) {
      this.#problem = finding.problem;
      logger.warn({ durable: subscription.durable, problem: finding.problem }, "nothing is delivered");
    }
  }

  #recovered(): void {
    if (this.#problem !== undefined) {
      this.#parts.logger.info({ durable: this.#parts.subscription.durable }, "pulling again");
      this.#problem = undefined;
    }
    this.#pauseMs = firstPauseMs;
  }

  /** A heartbeat says that the request waits at the server; a paused consumer sends it too. */
  #recoveredUnlessPaused(): void {
    if (this.#watch.facts?.paused !== true) {
      this.#recovered();
    }
  }

  /** Whoever set the durable back, or made it anew, means the events to be handled again. */
  #replay(problem: string): void {
    const { logger, subscription, listener } = this.#parts;
    logger.warn({ durable: subscription.durable, problem }, "events will be delivered again");
    this.#lastConsumerSequence = 0;
    this.#watch.forget();
    listener.onReplay();
  }

  /** Waits a little, makes sure that the consumer is there, and pulls anew. */
  #interrupt(problem: string): void {
    this.#requested = 0;
    if (this.#stopped || this.#recovery !== undefined) {
      return;
    }
    const { logger, subscription } = this.#parts;
    this.#problem ??= problem;
    logger.warn({ durable: subscription.durable, problem, pauseMs: this.#pauseMs }, "pulling was interrupted");
    this.#restoreLater(this.#beginRecovery());
  }

  /** From here on a recovery that began earlier has no say any more. */
  #beginRecovery(): { timer?: NodeJS.Timeout } {
    clearTimeout(this.#recovery?.timer);
    this.#recovery = {};
    return this.#recovery;
  }

  #restoreLater(recovery: { timer?: NodeJS.Timeout }): void {
    recovery.timer = setTimeout(() => void this.#restore(recovery), this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, maxPauseMs);
  }

  async #restore(recovery: { timer?: NodeJS.Timeout }): Promise<void> {
    const { logger, subscription, policy, restore } = this.#parts;
    const settledSequence = this.#watch.facts?.ack_floor.stream_seq ?? 0;
    const seen = await this.#watch.look();
    const gone = seen?.finding.kind === "gone";
    if (gone && policy.whenDeleted === "report") {
      this.#problem = "the durable consumer was deleted from outside";
      if (this.#recovery === recovery && !this.#stopped) {
        this.#restoreLater(recovery);
      }
      return;
    }
    try {
      const outcome = await restore(settledSequence);
      if (outcome === "replay" || seen?.finding.kind === "replay") {
        this.#replay("it was made anew");
      } else if (gone) {
        // Made anew by ourselves, behind what was settled: its numbers begin again, and nothing is meant to be repeated.
        this.#lastConsumerSequence = 0;
        this.#watch.forget();
      }
    } catch (error) {
      logger.error({ err: error, durable: subscription.durable }, "the consumer could not be restored");
    }
    if (this.#recovery === recovery && !this.#stopped) {
      this.#resume(recovery);
    }
  }

  #resume(recovery: { timer?: NodeJS.Timeout }): void {
    if (this.#parts.subscription.keepOrder) {
      void this.#awaitRedeliveries(recovery);
    } else {
      this.#pullAgain(recovery);
    }
  }

  #pullAgain(recovery: { timer?: NodeJS.Timeout }): void {
    if (this.#recovery === recovery) {
      clearTimeout(recovery.timer);
      this.#recovery = undefined;
      this.#pullIfWorthwhile();
    }
  }

  /**
   * What was on its way when the connection broke, or when a process died, comes again after the ack wait, and new events
   * would overtake it. In order, so nothing is asked for until the server has it ready: it sends what is due again before
   * anything new.
   */
  async #awaitRedeliveries(recovery: { timer?: NodeJS.Timeout }): Promise<void> {
    const waitMs = this.#parts.subscription.ackWaitMs + orderSlackMs;
    recovery.timer = setTimeout(() => this.#pullAgain(recovery), waitMs);
    const seen = await this.#watch.look();
    if (seen?.answer.ok === true && seen.answer.result.num_ack_pending === 0) {
      this.#pullAgain(recovery);
    } else if (this.#recovery === recovery) {
      this.#problem ??= "waiting for what was on its way, to keep the order";
    }
  }
}
