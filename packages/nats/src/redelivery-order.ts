// What comes again after an interruption, put back into the order of the stream. The server queues it in the order in which
// it gave it up: what it had nobody to send to, in front of what got lost on its way before that.

import type { Delivery } from "@throughline/core";

export interface Expected {
  /** How many deliveries come again, at most. */
  readonly count: number;
  /** The newest event among them; whatever is behind it comes for the first time, and after all of them. */
  readonly lastSequence: number;
}

/** More than a server can have sent to a reader that was not there any more: as much as the reader had asked for. */
const maxHeld = 1_024;
const maxHeldBytes = 64 * 1024 * 1024;

export class RedeliveryOrder {
  #missing = 0;
  #lastSequence = 0;
  #waiting: Delivery[] = [];
  #waitingBytes = 0;

  /** How many wait to be taken. */
  get size(): number {
    return this.#waiting.length;
  }

  /** While it is, what waits may have to wait for something that belongs in front of it. */
  get isOpen(): boolean {
    return this.#missing > 0;
  }

  expect({ count, lastSequence }: Expected): void {
    this.#missing = count;
    this.#lastSequence = lastSequence;
  }

  /** Nothing comes again any more. */
  close(): void {
    this.#missing = 0;
  }

  add(delivery: Delivery): void {
    const { sequence } = delivery.storedAt;
    if (this.isOpen && sequence <= this.#lastSequence) {
      this.#missing--;
      this.#insert(delivery, sequence);
    } else {
      this.close();
      this.#waiting.push(delivery);
    }
    this.#waitingBytes += delivery.message.body.length;
  }

  /** The first in order, once nothing that is still to come belongs in front of it. */
  take(): Delivery | undefined {
    const isFull = this.#waiting.length >= maxHeld || this.#waitingBytes >= maxHeldBytes;
    if (this.isOpen && !isFull) {
      return undefined;
    }
    const first = this.#waiting.shift();
    this.#waitingBytes -= first?.message.body.length ?? 0;
    return first;
  }

  /** Keeps what waits from being delivered once more. */
  extend(): void {
    for (const delivery of this.#waiting) {
      delivery.extend();
    }
  }

  /** Forgets what waits, which will come again, and what was expected. */
  clear(): void {
    this.#missing = 0;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  /** In the place of an older delivery of the same event, if there is one. */
  #insert(delivery: Delivery, sequence: number): void {
    const found = this.#waiting.findIndex(({ storedAt }) => storedAt.sequence >= sequence);
    const index = found < 0 ? this.#waiting.length : found;
    const older = this.#waiting[index]?.storedAt.sequence === sequence ? this.#waiting[index] : undefined;
    this.#waiting.splice(index, older === undefined ? 0 : 1, delivery);
    this.#waitingBytes -= older?.message.body.length ?? 0;
  }
}
