// One message as JetStream delivered it, and the four answers to it. An answer that cannot be sent is harmless: the
// server delivers again after the ack wait.

import type { Msg, NatsConnection } from "@nats-io/nats-core";
import type { StoredAt, WireHeaders, WireMessage } from "@throughline/contracts";
import type { Delivery } from "@throughline/core";
import type { AckReply } from "./ack-reply.ts";
import type { HeaderBlockReading } from "./header-block.ts";
import { subjectOf } from "./raw-message.ts";
import type { ServerFeatures } from "./server-features.ts";
import type { WireWriter } from "./wire-writer.ts";

const nanosPerMs = 1_000_000;
const noHeaders: WireHeaders = new Map();

/** What all deliveries of one connection share. */
export interface AnswerParts {
  readonly connection: NatsConnection;
  readonly writer: WireWriter;
  readonly features: ServerFeatures;
}

export class JetStreamDelivery implements Delivery {
  readonly message: WireMessage;
  readonly malformedHeaders?: string;
  readonly storedAt: StoredAt;
  readonly consumerSequence: number;
  readonly attempt: number;
  readonly #parts: AnswerParts;
  readonly #reply: string;

  constructor(
    parts: AnswerParts,
    received: Msg,
    replySubject: string,
    reply: AckReply,
    reading: HeaderBlockReading | undefined,
  ) {
    this.#parts = parts;
    this.#reply = replySubject;
    const headers = reading !== undefined && "block" in reading ? reading.block.headers : noHeaders;
    this.message = { subject: subjectOf(received), headers, body: received.data };
    if (reading !== undefined && "problem" in reading) {
      this.malformedHeaders = reading.problem;
    }
    this.storedAt = { stream: reply.stream, sequence: reply.streamSequence, timeMs: reply.storedAtMs };
    this.consumerSequence = reply.consumerSequence;
    this.attempt = reply.deliveries;
  }

  acknowledge(): void {
    this.#parts.writer.answer(this.#reply, "+ACK");
  }

  retry(delayMs: number): void {
    const delay = Math.round(delayMs * nanosPerMs);
    this.#parts.writer.answer(this.#reply, delay > 0 ? `-NAK {"delay":${delay}}` : "-NAK");
  }

  extend(): void {
    this.#parts.writer.answer(this.#reply, "+WPI");
  }

  terminate(reason: string): void {
    const { writer, features } = this.#parts;
    writer.answer(this.#reply, features.has("terminateReason") ? `+TERM ${reason}` : "+TERM");
  }
}
