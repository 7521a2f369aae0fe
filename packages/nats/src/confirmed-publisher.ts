// Publishes and waits for the stream's word, many at a time. One wildcard inbox takes all confirmations, so a
// publication costs no subscription and no request object of its own: that is what makes it faster than a request each.

import type { Msg, NatsConnection, Subscription } from "@nats-io/nats-core";
import { createInbox } from "@nats-io/nats-core";
import { ThroughlineError } from "@throughline/contracts";
import type { OutgoingMessage, PublishReceipt } from "@throughline/core";
import Queue from "yocto-queue";
import { decodeHeaderBlock, encodeHeaderBlock } from "./header-block.ts";
import { type ApiError, apiErrorCodes } from "./jetstream-api.ts";
import { encodedHeaders, numberAtSubjectEnd, rawHeaderBlock, textOf } from "./raw-message.ts";

export interface PublisherOptions {
  /** Publications on their way at a time; more wait their turn. */
  readonly maxInFlight: number;
  /** How long one publication may take in all, retries included. */
  readonly timeoutMs: number;
}

interface Publication {
  readonly subject: string;
  readonly headerBlock: Uint8Array;
  readonly body: Uint8Array;
  readonly deadlineMs: number;
  resendAtMs: number;
  pauseMs: number;
  /** The last transient answer, told when time runs out. */
  lastAnswer: string;
  resolve(receipt: PublishReceipt): void;
  reject(error: ThroughlineError): void;
}

/** What the stream answers to a publication. */
interface PublishAnswer {
  readonly stream: string;
  readonly seq: number;
  readonly duplicate?: boolean;
  readonly error?: ApiError;
}

/** Answers that another try with the same message id can turn into a confirmation. */
const transientErrors: ReadonlySet<number> = new Set([
  apiErrorCodes.systemTemporarilyUnavailable,
  apiErrorCodes.insufficientResources,
  apiErrorCodes.maximumMessages,
  apiErrorCodes.duplicateInProgress,
  apiErrorCodes.tooManyInFlight,
]);

/** Large enough that a write carries many messages, small enough that the server works while we make the next ones. */
const sendBatch = 64;
const sweepMs = 100;
/** A publication without an answer is sent again after this long. */
const answerTimeoutMs = 5_000;
const maxPauseMs = 2_000;

export class ConfirmedPublisher {
  readonly #connection: NatsConnection;
  readonly #options: PublisherOptions;
  readonly #prefix: string;
  readonly #subscription: Subscription;
  readonly #inFlight = new Map<number, Publication>();
  readonly #waiting = new Queue<Publication>();
  #nextToken = 0;
  /** Tokens from here on are in flight and not sent yet. */
  #nextToSend = 0;
  #sending = false;
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(connection: NatsConnection, inboxPrefix: string, options: PublisherOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#prefix = `${createInbox(inboxPrefix)}.`;
    this.#subscription = connection.subscribe(`${this.#prefix}*`, {
      callback: (error, message) => {
        if (error === null) {
          this.#onAnswer(message);
        }
      },
    });
  }

  publish({ subject, headers, body, messageId }: OutgoingMessage): Promise<PublishReceipt> {
    if (this.#closed) {
      return Promise.reject(new ThroughlineError("BUS_STOPPED", "The connection is closed."));
    }
    const headerBlock = encodeHeaderBlock(headers, messageId);
    const limit = this.#connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    const size = headerBlock.length + body.length;
    if (size > limit) {
      return Promise.reject(
        new ThroughlineError("NATS_PAYLOAD_TOO_LARGE", `${subject}: ${size} bytes; the server takes ${limit}.`, {
          details: { subject, bytes: size, maxPayloadBytes: limit },
        }),
      );
    }
    return new Promise((resolve, reject) => {
      const now = Date.now();
      const publication: Publication = {
        subject,
        headerBlock,
        body,
        deadlineMs: now + this.#options.timeoutMs,
        resendAtMs: now + answerTimeoutMs,
        pauseMs: 50,
        lastAnswer: "no answer",
        resolve,
        reject,
      };
      this.#startSweep();
      if (this.#inFlight.size < this.#options.maxInFlight) {
        this.#launch(publication);
      } else {
        this.#waiting.enqueue(publication);
      }
    });
  }

  /** After a reconnect nobody knows what got through: everything unconfirmed goes out again, in order. */
  resendAll(): void {
    const now = Date.now();
    for (const [token, publication] of this.#inFlight) {
      this.#send(token, publication, now);
    }
  }

  /** Ends every publication that is still unconfirmed. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#sweep);
    for (const publication of [...this.#inFlight.values(), ...this.#waiting]) {
      publication.reject(unconfirmed(publication, "the connection was closed"));
    }
    this.#inFlight.clear();
    this.#waiting.clear();
    this.#subscription.unsubscribe();
  }

  #launch(publication: Publication): void {
    this.#inFlight.set(this.#nextToken++, publication);
    if (this.#nextToken - this.#nextToSend >= sendBatch) {
      this.#sendLaunched();
    } else if (!this.#sending) {
      this.#sending = true;
      process.nextTick(() => {
        this.#sending = false;
        this.#sendLaunched();
      });
    }
  }

  /** Runs when all promises of this turn have settled, or earlier when a batch is full: one write for many messages. */
  #sendLaunched(): void {
    const now = Date.now();
    for (; this.#nextToSend < this.#nextToken; this.#nextToSend++) {
      const publication = this.#inFlight.get(this.#nextToSend);
      if (publication !== undefined) {
        this.#send(this.#nextToSend, publication, now);
      }
    }
  }

  #send(token: number, publication: Publication, now: number): void {
    publication.resendAtMs = now + answerTimeoutMs;
    try {
      this.#connection.publish(publication.subject, publication.body, {
        headers: encodedHeaders(publication.headerBlock),
        reply: this.#prefix + token,
      });
    } catch (error) {
      this.#settle(token);
      publication.reject(
        new ThroughlineError("NATS_PUBLISH_REJECTED", `${publication.subject} could not be sent.`, { cause: error }),
      );
    }
  }

  #onAnswer(message: Msg): void {
    const token = numberAtSubjectEnd(message);
    const publication = this.#inFlight.get(token);
    if (publication === undefined) {
      return;
    }
    const block = rawHeaderBlock(message);
    if (block !== undefined) {
      // Only the server's status messages have headers here: 503, nobody listens on the subject.
      const reading = decodeHeaderBlock(block);
      const status = "block" in reading ? reading.block.status : 0;
      this.#retryLater(publication, status === 503 ? "no stream takes this subject" : `status ${status}`);
      return;
    }
    const answer = JSON.parse(textOf(message)) as PublishAnswer;
    if (answer.error === undefined) {
      this.#settle(token);
      publication.resolve({ stream: answer.stream, sequence: answer.seq, duplicate: answer.duplicate ?? false });
    } else if (transientErrors.has(answer.error.err_code) || answer.error.code === 429 || answer.error.code === 503) {
      this.#retryLater(publication, answer.error.description);
    } else {
      this.#settle(token);
      publication.reject(rejected(publication.subject, answer.error));
    }
  }

  #retryLater(publication: Publication, answer: string): void {
    publication.lastAnswer = answer;
    publication.resendAtMs = Date.now() + publication.pauseMs;
    publication.pauseMs = Math.min(publication.pauseMs * 2, maxPauseMs);
  }

  #settle(token: number): void {
    this.#inFlight.delete(token);
    const next = this.#waiting.dequeue();
    if (next !== undefined) {
      this.#launch(next);
    } else if (this.#inFlight.size === 0) {
      clearInterval(this.#sweep);
      this.#sweep = undefined;
    }
  }

  /** One timer for all: sends again what got no answer, and gives up what is over its time. */
  #startSweep(): void {
    this.#sweep ??= setInterval(() => {
      const now = Date.now();
      for (const [token, publication] of this.#inFlight) {
        if (now >= publication.deadlineMs) {
          this.#settle(token);
          publication.reject(unconfirmed(publication, publication.lastAnswer));
        } else if (now >= publication.resendAtMs) {
          this.#send(token, publication, now);
        }
      }
      for (let next = this.#waiting.peek(); next !== undefined && now >= next.deadlineMs; next = this.#waiting.peek()) {
        this.#waiting.dequeue();
        next.reject(unconfirmed(next, "the window stayed full"));
      }
    }, sweepMs);
  }
}

function unconfirmed({ subject }: Publication, reason: string): ThroughlineError {
  return new ThroughlineError("NATS_PUBLISH_UNCONFIRMED", `${subject} was not confirmed in time: ${reason}.`, {
    details: { subject, reason },
  });
}

function rejected(subject: string, error: ApiError): ThroughlineError {
  return new ThroughlineError("NATS_PUBLISH_REJECTED", `The server refused ${subject}: ${error.description}.`, {
    details: { subject, code: error.code, errorCode: error.err_code, description: error.description },
  });
}
