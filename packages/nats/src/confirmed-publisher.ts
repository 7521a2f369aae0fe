// Publishes and waits for the stream's word, many at a time. One wildcard inbox takes all confirmations, so a
// publication costs no subscription and no request object of its own: that is what makes it faster than a request each.
// Lanes hold the key of what is unconfirmed: a retry never lets a later publication of its key pass.

import type { Msg, NatsConnection, Subscription } from "@nats-io/nats-core";
import { createInbox } from "@nats-io/nats-core";
import { ThroughlineError } from "@throughline/contracts";
import { Lanes, type LaneTask, type OutgoingMessage, type PublishReceipt } from "@throughline/core";
import { CongestionWindow } from "./congestion-window.ts";
import { HeldKeys } from "./held-keys.ts";
import { apiErrorCodes } from "./jetstream-api.ts";
import { batchSendingOf, sendingOf } from "./outgoing-frames.ts";
import { type Frame, Publication, type Sending } from "./publication.ts";
import { readPublishAnswer, refused, unconfirmed } from "./publish-answer.ts";
import { encodedHeaders, numberAtSubjectEnd } from "./raw-message.ts";

export interface PublisherOptions {
  /** Publications on their way at a time; more wait their turn. */
  readonly maxInFlight: number;
  /** How long one publication may take in all, retries included. */
  readonly timeoutMs: number;
}

/** Large enough that a write carries many messages, small enough that the server works while we make the next ones. */
const sendBatch = 64;
const sweepMs = 50;
/** A publication without an answer is sent again after this long, then after twice as long, and so on. */
const firstAnswerTimeoutMs = 2_000;
const maxAnswerTimeoutMs = 8_000;
const firstPauseMs = 50;
const maxPauseMs = 2_000;

export class ConfirmedPublisher {
  readonly #connection: NatsConnection;
  readonly #options: PublisherOptions;
  readonly #prefix: string;
  readonly #subscription: Subscription;
  readonly #lanes: Lanes<LaneTask>;
  /** Everything that waits for its promise to settle, oldest first. */
  readonly #unsettled = new Set<Publication>();
  readonly #inFlight = new Map<number, Publication>();
  #nextToken = 0;
  /** Tokens from here on are in flight and not sent yet. */
  #nextToSend = 0;
  #sending = false;
  readonly #congestion: CongestionWindow;
  #onTheirWay = 0;
  /** Refused by an overwhelmed server, or waiting because others were; they go out one after another. */
  readonly #heldBack = new Set<Publication>();
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(connection: NatsConnection, inboxPrefix: string, options: PublisherOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#prefix = `${createInbox(inboxPrefix)}.`;
    this.#lanes = new Lanes(options.maxInFlight);
    this.#congestion = new CongestionWindow(options.maxInFlight);
    this.#subscription = connection.subscribe(`${this.#prefix}*`, {
      callback: (error, message) => {
        if (error === null) {
          this.#onAnswer(message);
        }
      },
    });
  }

  publish(message: OutgoingMessage): Promise<PublishReceipt> {
    return new Promise((resolve, reject) => {
      const publication = this.#admit(message.orderKey ?? message.messageId, sendingOf(message), resolve, reject);
      this.#lanes.enqueue(publication);
    });
  }

  /** Holds the keys of all its messages before it sends the first one. */
  async publishAtomically(messages: readonly OutgoingMessage[]): Promise<void> {
    const keys = new Set(messages.map(({ orderKey, messageId }) => orderKey ?? messageId));
    const [ownKey = ""] = keys;
    const { promise, resolve, reject } = Promise.withResolvers<PublishReceipt>();
    const publication = this.#admit(ownKey, batchSendingOf(messages), resolve, reject);
    const held = new HeldKeys(this.#lanes, keys, publication);
    try {
      await promise;
    } finally {
      held.release();
    }
  }

  /** After a reconnect nobody knows what got through: everything unconfirmed goes out again, in order. */
  resendAll(): void {
    const now = Date.now();
    this.#heldBack.clear();
    for (const publication of this.#inFlight.values()) {
      this.#arrived(publication);
    }
    for (const publication of this.#inFlight.values()) {
      this.#sendOrHoldBack(publication, now);
    }
  }

  /** The server forbids this subject: what waits for a confirmation of it will never get one. */
  rejectForbidden(subject: string, cause: Error): void {
    for (const publication of this.#inFlight.values()) {
      if (publication.sending.subject === subject) {
        const error = new ThroughlineError("NATS_UNAUTHORIZED", `This service may not publish ${subject}.`, {
          details: { subject, eventId: publication.sending.messageId },
          remedy: `Permit this user to publish "${subject}" (or "${subject.split(".", 1)[0]}.>").`,
          cause,
        });
        this.#settle(publication);
        publication.reject(error);
      }
    }
  }

  /** Ends every publication that is still unconfirmed. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#sweep);
    for (const publication of this.#unsettled) {
      publication.settled = true;
      publication.reject(unconfirmed(publication.sending, "the connection was closed"));
    }
    this.#unsettled.clear();
    this.#inFlight.clear();
    this.#subscription.unsubscribe();
  }

  /** @throws BUS_STOPPED, NATS_PAYLOAD_TOO_LARGE */
  #admit(key: string, sending: Sending, resolve: Publication["resolve"], reject: Publication["reject"]): Publication {
    if (this.#closed) {
      throw new ThroughlineError("BUS_STOPPED", "The connection is closed.");
    }
    const { subject, bytes, messageId } = sending;
    const limit = this.#connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    if (bytes > limit) {
      throw new ThroughlineError("NATS_PAYLOAD_TOO_LARGE", `${subject}: ${bytes} bytes; the server takes ${limit}.`, {
        details: { subject, eventId: messageId, bytes, maxPayloadBytes: limit },
      });
    }
    const deadlineMs = Date.now() + this.#options.timeoutMs;
    const publication = new Publication(key, sending, deadlineMs, this.#launch, resolve, reject);
    this.#unsettled.add(publication);
    this.#startSweep();
    return publication;
  }

  /** Its key and a slot of the window are free. */
  readonly #launch = (publication: Publication): void => {
    if (publication.settled) {
      this.#lanes.release(publication);
      return;
    }
    publication.token = this.#nextToken++;
    this.#inFlight.set(publication.token, publication);
    if (this.#nextToken - this.#nextToSend >= sendBatch) {
      this.#sendLaunched();
    } else if (!this.#sending) {
      this.#sending = true;
      process.nextTick(() => {
        this.#sending = false;
        this.#sendLaunched();
      });
    }
  };

  /** Runs when all promises of this turn have settled, or earlier when a batch is full: one write for many messages. */
  #sendLaunched(): void {
    const now = Date.now();
    for (; this.#nextToSend < this.#nextToken; this.#nextToSend++) {
      const publication = this.#inFlight.get(this.#nextToSend);
      if (publication !== undefined) {
        this.#sendOrHoldBack(publication, now);
      }
    }
  }

  #sendOrHoldBack(publication: Publication, now: number): void {
    if (this.#congestion.allows(this.#onTheirWay)) {
      this.#send(publication, now);
    } else {
      publication.resendAtMs = Number.POSITIVE_INFINITY;
      this.#heldBack.add(publication);
    }
  }

  #sendHeldBack(now: number): void {
    for (const publication of this.#heldBack) {
      if (!this.#congestion.allows(this.#onTheirWay)) {
        return;
      }
      this.#heldBack.delete(publication);
      this.#send(publication, now);
    }
  }

  #send(publication: Publication, now: number): void {
    publication.resendAtMs = now + Math.min(firstAnswerTimeoutMs * 2 ** publication.tries, maxAnswerTimeoutMs);
    publication.tries++;
    if (!publication.isOnItsWay) {
      publication.isOnItsWay = true;
      this.#onTheirWay++;
    }
    try {
      const frames = publication.sending.frames();
      for (let index = 0; index < frames.length - 1; index++) {
        this.#write(frames[index] as Frame);
      }
      this.#write(frames[frames.length - 1] as Frame, this.#prefix + publication.token);
    } catch (cause) {
      const { subject, messageId } = publication.sending;
      this.#settle(publication);
      publication.reject(
        new ThroughlineError("NATS_PUBLISH_REJECTED", `${subject} could not be sent.`, {
          details: { subject, eventId: messageId },
          cause,
        }),
      );
    }
  }

  #write({ subject, headerBlock, body }: Frame, reply?: string): void {
    const headers = encodedHeaders(headerBlock);
    this.#connection.publish(subject, body, reply === undefined ? { headers } : { headers, reply });
  }

  #onAnswer(message: Msg): void {
    const publication = this.#inFlight.get(numberAtSubjectEnd(message));
    if (publication === undefined) {
      return;
    }
    const answer = readPublishAnswer(message);
    const now = Date.now();
    this.#arrived(publication);
    if (answer.kind === "stored") {
      this.#congestion.succeeded();
      this.#settle(publication);
      publication.resolve(answer.receipt);
    } else if (answer.kind === "overwhelmed") {
      this.#congestion.refused(now);
      publication.lastAnswer = answer.reason;
      publication.resendAtMs = Number.POSITIVE_INFINITY;
      this.#heldBack.add(publication);
    } else if (answer.kind === "transient") {
      publication.lastAnswer = answer.reason;
      publication.resendAtMs = now + Math.min(firstPauseMs * 2 ** (publication.tries - 1), maxPauseMs);
    } else if (answer.error.err_code === apiErrorCodes.batchDuplicate && publication.tries > 1) {
      // An earlier try was stored, and its confirmation got lost.
      this.#settle(publication);
      publication.resolve({ stream: "", sequence: 0, duplicate: true });
    } else {
      this.#settle(publication);
      publication.reject(refused(publication.sending, answer.error));
    }
    if (this.#heldBack.size > 0) {
      this.#sendHeldBack(now);
    }
  }

  /** Its answer came, or will never come. */
  #arrived(publication: Publication): void {
    if (publication.isOnItsWay) {
      publication.isOnItsWay = false;
      this.#onTheirWay--;
    }
  }

  #settle(publication: Publication): void {
    publication.settled = true;
    this.#arrived(publication);
    this.#heldBack.delete(publication);
    this.#unsettled.delete(publication);
    this.#inFlight.delete(publication.token);
    this.#lanes.release(publication);
    if (this.#unsettled.size === 0) {
      clearInterval(this.#sweep);
      this.#sweep = undefined;
    }
  }

  /** One timer for all: sends again what got no answer, and gives up what is over its time. */
  #startSweep(): void {
    this.#sweep ??= setInterval(() => {
      const now = Date.now();
      for (const publication of this.#unsettled) {
        if (now < publication.deadlineMs) {
          break;
        }
        this.#giveUp(publication);
      }
      for (const publication of this.#inFlight.values()) {
        if (now >= publication.resendAtMs && publication.tries > 0) {
          this.#send(publication, now);
        }
      }
      this.#sendHeldBack(now);
    }, sweepMs);
  }

  #giveUp(publication: Publication): void {
    if (publication.token >= 0) {
      this.#settle(publication);
      publication.reject(unconfirmed(publication.sending, publication.lastAnswer));
    } else {
      // It still stands in line; when its turn comes it steps aside.
      publication.settled = true;
      this.#unsettled.delete(publication);
      publication.reject(
        unconfirmed(publication.sending, "others before it, of its key or in the window, took too long"),
      );
    }
  }
}
