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
import { Publication, type Sending } from "./publication.ts";
import { readPublishAnswer, refused, unconfirmed } from "./publish-answer.ts";
import { numberAtSubjectEnd } from "./raw-message.ts";
import type { WireWriter } from "./wire-writer.ts";

export interface PublisherOptions {
  /** Publications on their way at a time; more wait their turn. */
  readonly maxInFlight: number;
  /** How long one publication may take in all, retries included. */
  readonly timeoutMs: number;
}

const sweepMs = 50;
/** A publication without an answer is sent again after this long, then after twice as long, and so on. */
const firstAnswerTimeoutMs = 2_000;
const maxAnswerTimeoutMs = 8_000;
const firstPauseMs = 50;
const maxPauseMs = 2_000;

export class ConfirmedPublisher {
  readonly #connection: NatsConnection;
  readonly #writer: WireWriter;
  readonly #options: PublisherOptions;
  readonly #prefix: string;
  readonly #subscription: Subscription;
  readonly #lanes: Lanes<LaneTask>;
  /** What stands in line for its key or for a slot of the window, oldest first. */
  readonly #waiting = new Set<Publication>();
  /** What was sent and is not confirmed, by the number of its confirmation, oldest first. */
  readonly #inFlight = new Map<number, Publication>();
  #nextToken = 0;
  readonly #congestion: CongestionWindow;
  #onTheirWay = 0;
  /** Refused by an overwhelmed server, or waiting because others were; they go out one after another. */
  readonly #heldBack = new Set<Publication>();
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(connection: NatsConnection, writer: WireWriter, inboxPrefix: string, options: PublisherOptions) {
    this.#connection = connection;
    this.#writer = writer;
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
      this.#watch(publication);
    });
  }

  /** Holds the keys of all its messages before it sends the first one. */
  async publishAtomically(messages: readonly OutgoingMessage[]): Promise<void> {
    const keys = new Set(messages.map(({ orderKey, messageId }) => orderKey ?? messageId));
    const [ownKey = ""] = keys;
    const { promise, resolve, reject } = Promise.withResolvers<PublishReceipt>();
    const publication = this.#admit(ownKey, batchSendingOf(messages), resolve, reject);
    const held = new HeldKeys(this.#lanes, keys, publication);
    this.#watch(publication);
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
    for (const publication of [...this.#inFlight.values(), ...this.#waiting]) {
      publication.settled = true;
      publication.reject(unconfirmed(publication.sending, "the connection was closed"));
    }
    this.#waiting.clear();
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
    return new Publication(key, sending, deadlineMs, this.#launch, resolve, reject);
  }

  /** From here on its time runs; one that could not even be sent is settled already. */
  #watch(publication: Publication): void {
    if (publication.settled) {
      return;
    }
    if (publication.token < 0) {
      this.#waiting.add(publication);
    }
    this.#startSweep();
  }

  /** Its key and a slot of the window are free. */
  readonly #launch = (publication: Publication): void => {
    if (publication.settled) {
      this.#lanes.release(publication);
      return;
    }
    if (this.#waiting.size > 0) {
      this.#waiting.delete(publication);
    }
    publication.token = this.#nextToken++;
    this.#inFlight.set(publication.token, publication);
    this.#sendOrHoldBack(publication, Date.now());
  };

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
    const { sending, token } = publication;
    const reply = this.#prefix + token;
    try {
      if (sending.batch === undefined) {
        this.#writer.publish(sending, reply);
      } else {
        const frames = sending.batch();
        for (const [index, frame] of frames.entries()) {
          // The last one commits, and is answered for all.
          this.#writer.publish(frame, index === frames.length - 1 ? reply : "");
        }
      }
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
    if (this.#heldBack.size > 0) {
      this.#heldBack.delete(publication);
    }
    this.#inFlight.delete(publication.token);
    this.#lanes.release(publication);
    if (this.#inFlight.size === 0 && this.#waiting.size === 0) {
      clearInterval(this.#sweep);
      this.#sweep = undefined;
    }
  }

  /** One timer for all: sends again what got no answer, and gives up what is over its time. */
  #startSweep(): void {
    this.#sweep ??= setInterval(() => {
      const now = Date.now();
      for (const publication of this.#waiting) {
        if (now < publication.deadlineMs) {
          break;
        }
        // It still stands in line; when its turn comes it steps aside.
        publication.settled = true;
        this.#waiting.delete(publication);
        publication.reject(
          unconfirmed(publication.sending, "those before it, of its key or in the window, took too long"),
        );
      }
      for (const publication of this.#inFlight.values()) {
        if (now >= publication.deadlineMs) {
          this.#settle(publication);
          publication.reject(unconfirmed(publication.sending, publication.lastAnswer));
        } else if (now >= publication.resendAtMs) {
          this.#send(publication, now);
        }
      }
      this.#sendHeldBack(now);
    }, sweepMs);
  }
}
