// One message as JetStream delivered it, and the four answers to it.

import { Buffer } from "node:buffer";
import type { Msg, NatsConnection } from "@nats-io/nats-core";
import type { StoredAt, WireHeaders, WireMessage } from "@throughline/contracts";
import type { Delivery } from "@throughline/core";
import type { AckReply } from "./ack-reply.ts";
import type { HeaderBlockReading } from "./header-block.ts";
import type { ServerFeatures } from "./server-features.ts";

const acknowledgement = Buffer.from("+ACK");
const workInProgress = Buffer.from("+WPI");
const termination = Buffer.from("+TERM");
const nanosPerMs = 1_000_000;
const noHeaders: WireHeaders = new Map();

/** What all deliveries of one connection share. */
export interface AnswerParts {
  readonly connection: NatsConnection;
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

  constructor(parts: AnswerParts, received: Msg, reply: AckReply, reading: HeaderBlockReading | undefined) {
    this.#parts = parts;
    this.#reply = received.reply ?? "";
    const headers = reading !== undefined && "block" in reading ? reading.block.headers : noHeaders;
    this.message = { subject: received.subject, headers, body: received.data };
    if (reading !== undefined && "problem" in reading) {
      this.malformedHeaders = reading.problem;
    }
    this.storedAt = { stream: reply.stream, sequence: reply.streamSequence, timeMs: reply.storedAtMs };
    this.consumerSequence = reply.consumerSequence;
    this.attempt = reply.deliveries;
  }

  acknowledge(): void {
    this.#answer(acknowledgement);
  }

  retry(delayMs: number): void {
    const delay = Math.round(delayMs * nanosPerMs);
    this.#answer(Buffer.from(delay > 0 ? `-NAK {"delay":${delay}}` : "-NAK"));
  }

  extend(): void {
    this.#answer(workInProgress);
  }

  terminate(reason: string): void {
    const { features } = this.#parts;
    this.#answer(features.has("terminateReason") ? Buffer.from(`+TERM ${reason}`) : termination);
  }

  /** An answer that cannot be sent is harmless: the server delivers again after the ack wait. */
  #answer(payload: Uint8Array): void {
    const { connection } = this.#parts;
    if (!connection.isClosed()) {
      connection.publish(this.#reply, payload);
    }
  }
}
