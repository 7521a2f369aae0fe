// Carries messages between processes and the broker: late, out of order, twice or not at all, as the seed says.

import type { SeededRandom } from "./seeded-random.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface NetworkFaults {
  /** Share of the messages that get lost. */
  readonly loss: number;
  /** Share of the messages that arrive twice, where that is possible. */
  readonly duplication: number;
  readonly maxDelayMs: number;
  /** Whether later messages of a link may pass earlier ones. */
  readonly reorders: boolean;
}

export class SimulatedNetwork {
  readonly #clock: VirtualClock;
  readonly #random: SeededRandom;
  readonly #lastArrivalMs = new Map<string, number>();
  #faults: NetworkFaults;

  constructor(clock: VirtualClock, random: SeededRandom, faults: NetworkFaults) {
    this.#clock = clock;
    this.#random = random;
    this.#faults = faults;
  }

  get maxDelayMs(): number {
    return this.#faults.maxDelayMs;
  }

  /** From here on nothing gets lost or comes twice. */
  calm(): void {
    this.#faults = { ...this.#faults, loss: 0, duplication: 0 };
  }

  /** A message that may get lost; `onLost` tells. */
  send(link: string, arrive: () => void, onLost: () => void = () => undefined): void {
    if (this.#random.chance(this.#faults.loss)) {
      onLost();
      return;
    }
    this.sendReliably(link, arrive);
  }

  /** Also a second time, now and then: only for what may be repeated. */
  sendRepeatable(link: string, arrive: () => void): void {
    this.send(link, arrive);
    if (this.#random.chance(this.#faults.duplication)) {
      this.send(link, arrive);
    }
  }

  sendReliably(link: string, arrive: () => void): void {
    let arrivalMs = this.#clock.now() + this.#random.between(0, this.#faults.maxDelayMs);
    if (!this.#faults.reorders) {
      arrivalMs = Math.max(arrivalMs, this.#lastArrivalMs.get(link) ?? 0);
      this.#lastArrivalMs.set(link, arrivalMs);
    }
    this.#clock.schedule(arrivalMs - this.#clock.now(), arrive);
  }
}
