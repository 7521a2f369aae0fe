// Pulls from one durable consumer, never more than was granted, and keeps pulling whatever happens to the connection,
// the server or the consumer. A pull that goes silent is noticed by its missing heartbeats and replaced.

import type { Msg, NatsConnection, Subscription } from "@nats-io/nats-core";
import { createInbox } from "@nats-io/nats-core";
import type { Consumption, ConsumptionHealth, Delivery, Logger, SubscriptionTopology } from "@throughline/core";
import { parseAckReply } from "./ack-reply.ts";
import { decodeHeaderBlock, type HeaderBlock } from "./header-block.ts";
import { JetStreamDelivery } from "./jetstream-delivery.ts";
import { rawHeaderBlock } from "./raw-message.ts";
import type { ServerFeatures } from "./server-features.ts";
import { waitAtMost } from "./wait-at-most.ts";

export interface PullParts {
  readonly connection: NatsConnection;
  readonly inboxPrefix: string;
  readonly subscription: SubscriptionTopology;
  readonly features: ServerFeatures;
  readonly logger: Logger;
  readonly onDelivery: (delivery: Delivery) => void;
  /** While it is false, silence is no news: the reconnect restarts every pull. */
  readonly isConnected: () => boolean;
  /** Creates the durable again where it is gone. */
  readonly restore: () => Promise<void>;
}

const expiresMs = 10_000;
const heartbeatMs = 1_000;
/** Silence after which a pull counts as lost. */
const silenceMs = 3 * heartbeatMs;
const drainTimeoutMs = 1_000;
const nanosPerMs = 1_000_000;
const firstPauseMs = 50;
const maxPauseMs = 2_000;

/** Statuses of the server; see ADR-13 of nats-architecture-and-design. */
const status = { heartbeat: 100, noMessages: 404, expired: 408, conflict: 409, noResponders: 503 } as const;

export class PullConsumption implements Consumption {
  readonly #parts: PullParts;
  readonly #subject: string;
  readonly #inbox: string;
  readonly #subscription: Subscription;
  readonly #watch: NodeJS.Timeout;
  /** Deliveries that may still come. */
  #granted = 0;
  /** Part of `granted` that was asked for at the server and has not come. */
  #requested = 0;
  #pulls = 0;
  #lastHeardMs = Date.now();
  #pauseMs = firstPauseMs;
  #pause: NodeJS.Timeout | undefined;
  #problem: string | undefined;
  #stopped = false;

  constructor(parts: PullParts) {
    this.#parts = parts;
    const { stream, durable } = parts.subscription;
    this.#subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`;
    this.#inbox = createInbox(parts.inboxPrefix);
    this.#subscription = parts.connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) {
          this.#onMessage(message);
        }
      },
    });
    this.#watch = setInterval(() => this.#checkSilence(), heartbeatMs);
  }

  grant(count: number): void {
    this.#granted += count;
    this.#pullIfWorthwhile();
  }

  health(): ConsumptionHealth {
    return this.#problem === undefined ? { pulling: !this.#stopped } : { pulling: false, problem: this.#problem };
  }

  /** Leaves the inbox; what the server had sent until then still arrives and is handed on to be given back. */
  async stop(): Promise<void> {
    if (this.#stopped) {
      return;
    }
    this.#stopped = true;
    clearInterval(this.#watch);
    clearTimeout(this.#pause);
    if (this.#parts.connection.isClosed()) {
      return;
    }
    await waitAtMost(drainTimeoutMs, this.#subscription.drain());
  }

  /** Forgets what was asked for and asks anew: after a reconnect the old requests are gone. */
  restart(): void {
    clearTimeout(this.#pause);
    this.#pause = undefined;
    this.#requested = 0;
    this.#lastHeardMs = Date.now();
    this.#pullIfWorthwhile();
  }

  /** Asks when nothing is on its way, or when half of the grant is free: few requests, no gap between batches. */
  #pullIfWorthwhile(): void {
    const missing = this.#granted - this.#requested;
    if (
      missing <= 0 ||
      this.#stopped ||
      this.#pause !== undefined ||
      (this.#requested > 0 && missing < this.#requested)
    ) {
      return;
    }
    if (this.#requested === 0) {
      this.#lastHeardMs = Date.now();
    }
    this.#requested += missing;
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
    const reply = parseAckReply(message.reply ?? "");
    if (reply === undefined) {
      if (reading !== undefined && "block" in reading) {
        this.#onStatus(reading.block);
      }
      return;
    }
    this.#granted = Math.max(0, this.#granted - 1);
    this.#requested = Math.max(0, this.#requested - 1);
    this.#recovered();
    this.#parts.onDelivery(new JetStreamDelivery(this.#parts, message, reply, reading));
    this.#pullIfWorthwhile();
  }

  #onStatus({ status: code, description, headers }: HeaderBlock): void {
    if (code === status.heartbeat) {
      this.#recovered();
    } else if (code === status.expired || code === status.noMessages) {
      this.#recovered();
      const unfilled = Number(headers.get("nats-pending-messages") ?? this.#requested);
      this.#requested = Math.max(0, this.#requested - unfilled);
      this.#pullIfWorthwhile();
    } else {
      this.#pauseAndRestore(code === status.noResponders ? "the consumer does not answer" : `${code} ${description}`);
    }
  }

  #checkSilence(): void {
    const silent = this.#requested > 0 && Date.now() - this.#lastHeardMs > silenceMs;
    if (silent && this.#pause === undefined && this.#parts.isConnected()) {
      this.#pauseAndRestore("no heartbeat");
    }
  }

  #recovered(): void {
    if (this.#problem !== undefined) {
      this.#parts.logger.info({ durable: this.#parts.subscription.durable }, "pulling again");
      this.#problem = undefined;
    }
    this.#pauseMs = firstPauseMs;
  }

  /** Waits a little, makes sure that the consumer is there, and pulls anew. */
  #pauseAndRestore(problem: string): void {
    this.#requested = 0;
    if (this.#stopped || this.#pause !== undefined) {
      return;
    }
    const { logger, subscription, restore } = this.#parts;
    this.#problem ??= problem;
    logger.warn({ durable: subscription.durable, problem, pauseMs: this.#pauseMs }, "pulling was interrupted");
    this.#pause = setTimeout(async () => {
      try {
        await restore();
      } catch (error) {
        logger.error({ err: error, durable: subscription.durable }, "the consumer could not be restored");
      }
      this.#pause = undefined;
      this.#pullIfWorthwhile();
    }, this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, maxPauseMs);
  }
}
