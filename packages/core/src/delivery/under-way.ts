// What one subscription has here at the moment, from its arrival to its answer.

import type { Delivery } from "../transport.ts";
import { idOf } from "./delivery-id.ts";
import type { Handling } from "./handling.ts";

/** Events held at a time, those that wait behind their key included; beyond that, a busy key does slow others down. */
const maxHeld = 4_096;
const maxHeldBytes = 64 * 1_048_576;

export class UnderWay {
  readonly #handlings = new Map<number, Handling>();
  #bytes = 0;

  get size(): number {
    return this.#handlings.size;
  }

  /** Whether more may be held than is worked on. */
  get hasRoom(): boolean {
    return this.#handlings.size < maxHeld && this.#bytes < maxHeldBytes;
  }

  find(delivery: Delivery): Handling | undefined {
    return this.#handlings.get(idOf(delivery));
  }

  all(): IterableIterator<Handling> {
    return this.#handlings.values();
  }

  add(handling: Handling): void {
    this.#handlings.set(idOf(handling.delivery), handling);
    this.#bytes += handling.delivery.message.body.length;
  }

  remove(handling: Handling): void {
    this.#handlings.delete(idOf(handling.delivery));
    this.#bytes -= handling.delivery.message.body.length;
  }

  /** Those that no other delivery was asked for in place of. */
  countUnreplaced(): number {
    let count = 0;
    for (const { isReplaced } of this.#handlings.values()) {
      count += isReplaced ? 0 : 1;
    }
    return count;
  }
}
