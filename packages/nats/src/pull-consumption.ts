// Pulls from one durable consumer, never more than was granted, and keeps pulling whatever happens to the connection,
// the server or the consumer. A pull that goes silent is noticed by its missing heartbeats and replaced; what heartbeats
// cannot tell (a pause, a consumer made anew, requests that got lost) is read from the server every few seconds.

import type { Msg, Subscription } from "@nats-io/nats-core";
import { createInbox } from "@nats-io/nats-core";
import type { Consumption, ConsumptionHealth, ConsumptionListener } from "@throughline/core";
import { parseAckReply } from "./ack-reply.ts";
import type { ConsumerFinding } from "./consumer-assessment.ts";
import { ConsumerRecovery, type RecoveryParts } from "./consumer-recovery.ts";
import { ConsumerWatch } from "./consumer-watch.ts";
import { decodeHeaderBlock, type HeaderBlock } from "./header-block.ts";
import type { JetStreamApi } from "./jetstream-api.ts";
import { type AnswerParts, JetStreamDelivery } from "./jetstream-delivery.ts";
import { rawHeaderBlock, replyOf } from "./raw-message.ts";
import { RedeliveryOrder } from "./redelivery-order.ts";
import { waitAtMost } from "./wait-at-most.ts";

export interface PullParts extends AnswerParts, RecoveryParts {
  readonly api: JetStreamApi;
  readonly inboxPrefix: string;
  readonly listener: ConsumptionListener;
  readonly onStop: () => void;
  /** While it is false, silence is no news: the reconnect restarts every pull. */
  readonly isConnected: () => boolean;
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

/** Statuses of the server; see ADR-13 of nats-architecture-and-design. */
const status = { heartbeat: 100, noMessages: 404, expired: 408, noResponders: 503 } as const;

export class PullConsumption implements Consumption {
  readonly #parts: PullParts;
  readonly #subject: string;
  #inbox: string;
  #subscription: Subscription;
  readonly #beat: NodeJS.Timeout;
  readonly #watch: ConsumerWatch;
  readonly #recovery: ConsumerRecovery;
  readonly #redeliveries = new RedeliveryOrder();
  /** Deliveries that may still be handed on. */
  #granted = 0;
  /** What was asked for at the server and has not come. */
  #requested = 0;
  #pulls = 0;
  #received = 0;
  #lastHeardMs = Date.now();
  #lastAskedMs = 0;
  #lastConsumerSequence = 0;
  #paused = false;
  #stopped = false;

  constructor(parts: PullParts) {
    this.#parts = parts;
    const { stream, durable } = parts.subscription;
    this.#subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`;
    this.#inbox = createInbox(parts.inboxPrefix);
    this.#subscription = this.#listen();
    this.#beat = setInterval(() => {
      this.#redeliveries.extend();
      this.#checkSilence();
    }, heartbeatMs / 2);
    this.#watch = new ConsumerWatch({
      api: parts.api,
      subscription: parts.subscription,
      openRequest: () => (this.#requested > 0 ? this.#pulls + this.#received : undefined),
      isSteady: () => !this.#stopped && !this.#recovery.isUnderWay && parts.isConnected(),
      onFinding: (finding) => this.#onFinding(finding),
    });
    this.#recovery = new ConsumerRecovery(parts, this.#watch, {
      onReplay: (problem) => this.#replay(problem),
      onRenewed: () => this.#forgetNumbers(),
      onOver: (expected) => {
        if (expected !== undefined) {
          this.#redeliveries.expect(expected);
        }
        this.#pullIfWorthwhile();
      },
    });
  }

  grant(count: number): void {
    if (!this.#paused) {
      this.#granted += count;
      this.#handOn();
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
    this.#handOnAll();
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
      this.#listenElsewhere();
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
    const backlog = facts && { lag: facts.num_pending, pendingAcks: facts.num_ack_pending };
    const { problem } = this.#recovery;
    return problem === undefined ? { pulling: !this.#stopped, ...backlog } : { pulling: false, problem, ...backlog };
  }

  /** Leaves the inbox; what the server had sent until then still arrives and is handed on to be given back. */
  async stop(): Promise<void> {
    if (this.#stopped) {
      return;
    }
    this.#stopped = true;
    this.#parts.onStop();
    clearInterval(this.#beat);
    this.#recovery.stop();
    this.#watch.stop();
    if (this.#parts.connection.isClosed()) {
      return;
    }
    await waitAtMost(drainTimeoutMs, this.#subscription.drain());
    this.#handOnAll();
  }

  /** After a reconnect: asks anew, in order only once nothing is on its way any more. */
  restart(): void {
    this.#forsakeRequests();
    this.#recovery.beginConnected();
  }

  /**
   * Whoever leads the consumer may still have requests from before the interruption. In order, what it sends for them would
   * come too early, so nobody listens there any more; and what waits for its predecessors comes again with them.
   */
  #forsakeRequests(): void {
    this.#requested = 0;
    if (this.#parts.subscription.keepOrder && !this.#paused && !this.#stopped) {
      this.#redeliveries.clear();
      this.#subscription.unsubscribe();
      this.#listenElsewhere();
    }
  }

  #listenElsewhere(): void {
    this.#inbox = createInbox(this.#parts.inboxPrefix);
    this.#subscription = this.#listen();
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

  /**
   * Asks when nothing is on its way, or when half of the grant is free: few requests, no gap between batches. In order, only
   * when nothing is on its way: whoever takes over from a consumer's leader would answer the next request with newer events
   * than those that its predecessor sent and that never arrived.
   */
  #pullIfWorthwhile(): void {
    const { isOpen, size } = this.#redeliveries;
    const missing = this.#granted - this.#requested - (isOpen ? 0 : size);
    const isTooEarly = this.#requested > 0 && (this.#parts.subscription.keepOrder || missing < this.#requested);
    if (missing <= 0 || isTooEarly || this.#stopped || this.#paused || this.#recovery.isUnderWay) {
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
    this.#requested = Math.max(0, this.#requested - 1);
    this.#received++;
    this.#recovery.confirm();
    if (reply.consumerSequence < this.#lastConsumerSequence) {
      // Numbers of one consumer only ever grow: this is another one, or one that was set back.
      this.#replay("it was set back or made anew from outside");
    }
    this.#lastConsumerSequence = reply.consumerSequence;
    this.#redeliveries.add(new JetStreamDelivery(this.#parts, message, replySubject, reply, reading));
    this.#handOn();
    this.#pullIfWorthwhile();
  }

  #handOn(): void {
    while (this.#granted > 0) {
      const next = this.#redeliveries.take();
      if (next === undefined) {
        return;
      }
      this.#granted--;
      this.#parts.listener.onDelivery(next);
    }
  }

  /** To be given back: nothing is asked for any more. */
  #handOnAll(): void {
    this.#redeliveries.close();
    this.#granted = Math.max(this.#granted, this.#redeliveries.size);
    this.#handOn();
  }

  #onStatus({ status: code, description, headers }: HeaderBlock): void {
    if (code === status.heartbeat) {
      this.#onNothingToSend();
    } else if (code === status.expired || code === status.noMessages) {
      this.#onNothingToSend();
      const unfilled = Number(headers.get("nats-pending-messages") ?? this.#requested);
      this.#requested = Math.max(0, this.#requested - unfilled);
      this.#pullIfWorthwhile();
    } else {
      this.#interrupt(code === status.noResponders ? "the consumer does not answer" : `${code} ${description}`);
    }
  }

  #checkSilence(): void {
    const silent = this.#requested > 0 && Date.now() - this.#lastHeardMs > silenceMs;
    if (silent && !this.#recovery.isUnderWay && this.#parts.isConnected()) {
      this.#interrupt("no heartbeat");
    }
  }

  #onFinding(finding: ConsumerFinding): void {
    const { logger, subscription, policy, api } = this.#parts;
    if (finding.kind === "well") {
      if (this.#requested > 0) {
        this.#recovery.confirm();
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
    } else {
      this.#recovery.report(finding.problem);
    }
  }

  #onNothingToSend(): void {
    this.#redeliveries.close();
    this.#handOn();
    this.#confirmUnlessPaused();
  }

  /** A heartbeat says that the request waits at the server; a paused consumer sends it too. */
  #confirmUnlessPaused(): void {
    if (this.#watch.facts?.paused !== true) {
      this.#recovery.confirm();
    }
  }

  #replay(problem: string): void {
    const { logger, subscription, listener } = this.#parts;
    logger.warn({ durable: subscription.durable, problem }, "events will be delivered again");
    this.#forgetNumbers();
    listener.onReplay();
  }

  #forgetNumbers(): void {
    this.#lastConsumerSequence = 0;
    this.#watch.forget();
  }

  #interrupt(problem: string): void {
    this.#forsakeRequests();
    this.#recovery.begin(problem);
  }
}
