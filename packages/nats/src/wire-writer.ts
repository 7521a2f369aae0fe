// Writes publications and acks into one buffer, many to a write. nats.js makes four small buffers of each message and
// copies them together later; here each message is written once, where it leaves from. Where the client's inside looks
// different than expected, its documented `publish` is used instead.

import { Buffer } from "node:buffer";
import type { MsgHdrs, NatsConnection } from "@nats-io/nats-core";
import { errors } from "@nats-io/nats-core";
import type { Frame } from "./publication.ts";

interface ProtocolInside {
  sendCommand(bytes: Uint8Array): void;
  outMsgs: number;
  outBytes: number;
}

const chunkBytes = 65_536;
/** Written out at the latest when this much has gathered: the server works while we make the next ones. */
const flushBytes = 32_768;
/** What is answered within this time leaves together. */
const answerDelayMs = 1;
const lineEnd = "\r\n";
const whitespace = /\s/;

export class WireWriter {
  readonly #connection: NatsConnection;
  readonly #protocol: ProtocolInside | undefined;
  #chunk: Buffer = Buffer.alloc(0);
  /** Of the chunk: handed over up to `start`, written up to `end`. */
  #start = 0;
  #end = 0;
  #isDue = false;
  #isDueSoon = false;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
    const { protocol } = connection as unknown as { protocol?: ProtocolInside };
    this.#protocol = typeof protocol?.sendCommand === "function" ? protocol : undefined;
  }

  /** `reply` is empty where no answer is expected. @throws what nats.js throws for a closed connection or an invalid subject */
  publish({ subject, headerBlock, headerBytes, body, bodyBytes }: Frame, reply: string): void {
    this.#requireOpen();
    if (subject.length === 0 || whitespace.test(subject)) {
      throw new errors.InvalidSubjectError(subject);
    }
    const bytes = headerBytes + bodyBytes;
    if (this.#protocol === undefined) {
      const headers = { encode: () => Buffer.from(headerBlock) } as unknown as MsgHdrs;
      this.#connection.publish(subject, body, reply === "" ? { headers } : { headers, reply });
      return;
    }
    const head = `HPUB ${subject} ${reply === "" ? "" : `${reply} `}${headerBytes} ${bytes}${lineEnd}${headerBlock}`;
    // A dead letter keeps the subject that it came on, whatever alphabet that was in.
    const subjectBytes = Buffer.byteLength(subject);
    const needed = head.length - headerBlock.length - subject.length + subjectBytes + bytes + lineEnd.length;
    this.#reserve(needed);
    // A head in ASCII, as nearly all are, needs no look at each character.
    if (headerBytes === headerBlock.length && subjectBytes === subject.length) {
      this.#end += this.#chunk.write(head, this.#end, "latin1");
    } else {
      this.#end += this.#chunk.write(head, this.#end, "utf8");
    }
    if (typeof body === "string") {
      this.#end += this.#chunk.write(body, this.#end, bodyBytes === body.length ? "latin1" : "utf8");
    } else {
      this.#chunk.set(body, this.#end);
      this.#end += body.length;
    }
    this.#end += this.#chunk.write(lineEnd, this.#end, "latin1");
    this.#count(bytes);
    if (!this.#isDueSoon) {
      this.#isDueSoon = true;
      // When all promises of this turn have settled: whatever they publish leaves in one write.
      process.nextTick(this.#flushDue);
    }
  }

  /** A small message without headers, in ASCII: an ack. Silently nothing on a closed connection. */
  answer(subject: string, payload: string): void {
    if (this.#connection.isClosed()) {
      return;
    }
    if (this.#protocol === undefined) {
      this.#connection.publish(subject, payload);
      return;
    }
    const text = `PUB ${subject} ${payload.length}${lineEnd}${payload}${lineEnd}`;
    this.#reserve(text.length);
    this.#end += this.#chunk.write(text, this.#end, "latin1");
    this.#count(payload.length);
    if (!this.#isDue) {
      this.#isDue = true;
      // Acks are in no hurry, and each write costs a call of the system and wakes the server.
      setTimeout(this.#flushDue, answerDelayMs);
    }
  }

  /** Hands over what has gathered. Also to be called before anything else is said over the connection that must follow. */
  flush(): void {
    if (this.#end > this.#start) {
      const gathered = this.#chunk.subarray(this.#start, this.#end);
      this.#start = this.#end;
      this.#protocol?.sendCommand(gathered);
    }
  }

  #requireOpen(): void {
    if (this.#connection.isClosed()) {
      throw new errors.ClosedConnectionError();
    }
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes > this.#chunk.length) {
      this.flush();
      this.#chunk = Buffer.allocUnsafeSlow(Math.max(chunkBytes, bytes));
      this.#start = 0;
      this.#end = 0;
    }
  }

  #count(bytes: number): void {
    const protocol = this.#protocol as ProtocolInside;
    protocol.outMsgs++;
    protocol.outBytes += bytes;
    if (this.#end - this.#start >= flushBytes) {
      this.flush();
    }
  }

  readonly #flushDue = (): void => {
    this.#isDue = false;
    this.#isDueSoon = false;
    this.flush();
  };
}
