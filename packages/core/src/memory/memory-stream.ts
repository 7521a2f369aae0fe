// A stream in memory: numbered messages, subjects, and de-duplication by message id.

import type { WireMessage } from "@throughline/contracts";
import type { OutgoingMessage, PublishReceipt, StreamTopology } from "../transport.ts";

/** A message as it is stored. */
export interface StoredMessage extends WireMessage {
  readonly sequence: number;
  readonly timeMs: number;
}

/** JetStream's default duplicate window. */
const duplicateWindowMs = 120_000;

export class MemoryStream {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly messages: StoredMessage[] = [];
  readonly #seen = new Map<string, { readonly sequence: number; readonly timeMs: number }>();
  readonly #keep: StreamTopology["keep"];
  #lastSequence = 0;
  readonly #listeners = new Set<(message: StoredMessage) => void>();

  constructor({ name, subjects, keep }: StreamTopology) {
    this.name = name;
    this.subjects = subjects;
    this.#keep = keep;
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  find(sequence: number): StoredMessage | undefined {
    return this.messages.find((message) => message.sequence === sequence);
  }

  delete(sequence: number): boolean {
    const index = this.messages.findIndex((message) => message.sequence === sequence);
    if (index >= 0) {
      this.messages.splice(index, 1);
    }
    return index >= 0;
  }

  /** Somebody is done with it; a work queue then lets it go. */
  settle(sequence: number): void {
    if (this.#keep?.untilAcknowledged) {
      this.delete(sequence);
    }
  }

  /** Whether the duplicate window holds this message id. */
  holds(messageId: string, timeMs: number): boolean {
    const seen = this.#seen.get(messageId);
    return seen !== undefined && timeMs - seen.timeMs < (this.#keep?.messageIdsForMs ?? duplicateWindowMs);
  }

  store({ messageId, subject, headers, body }: OutgoingMessage, timeMs: number): PublishReceipt {
    const seen = this.#seen.get(messageId);
    if (seen !== undefined && this.holds(messageId, timeMs)) {
      return { stream: this.name, sequence: seen.sequence, duplicate: true };
    }
    const sequence = ++this.#lastSequence;
    const message = { subject, headers: new Map(headers), body: bytesOf(body), sequence, timeMs };
    this.messages.push(message);
    this.#seen.set(messageId, { sequence, timeMs });
    for (const listener of this.#listeners) {
      listener(message);
    }
    return { stream: this.name, sequence, duplicate: false };
  }

  onStored(listener: (message: StoredMessage) => void): void {
    this.#listeners.add(listener);
  }
}

function bytesOf(body: Uint8Array | string): Uint8Array {
  return typeof body === "string" ? Buffer.from(body) : body;
}

/** Whether `subject` matches a NATS subject pattern with `*` and `>`. */
export function matchesSubject(pattern: string, subject: string): boolean {
  const expected = pattern.split(".");
  const tokens = subject.split(".");
  for (const [index, token] of expected.entries()) {
    if (token === ">") {
      return tokens.length > index;
    }
    if (tokens[index] === undefined || (token !== "*" && token !== tokens[index])) {
      return false;
    }
  }
  return tokens.length === expected.length;
}
