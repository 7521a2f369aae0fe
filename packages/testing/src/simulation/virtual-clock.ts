// Time that passes only when the simulation lets it: minutes of back-off take microseconds, in the same order every time.

import type { Clock } from "@throughline/core";
import TinyQueue from "tinyqueue";
import type { SeededRandom } from "./seeded-random.ts";

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  callback: (() => void) | undefined;
}

export class VirtualClock implements Clock {
  readonly #timers = new TinyQueue<Timer>([], (a, b) => a.dueMs - b.dueMs || a.order - b.order);
  readonly #random: SeededRandom;
  #nowMs = 1_700_000_000_000;
  #scheduled = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  now(): number {
    return this.#nowMs;
  }

  random(): number {
    return this.#random.next();
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#scheduled++, callback };
    this.#timers.push(timer);
    return () => {
      timer.callback = undefined;
    };
  }

  defer(callback: () => void): void {
    this.schedule(0, callback);
  }

  /** Runs the next timer that is due by `untilMs`, and everything that follows from it at once; false when none is. */
  async step(untilMs: number): Promise<boolean> {
    for (;;) {
      const next = this.#timers.peek();
      if (next === undefined || next.dueMs > untilMs) {
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return false;
      }
      this.#timers.pop();
      if (next.callback !== undefined) {
        this.#nowMs = next.dueMs;
        next.callback();
        await settlePromises();
        return true;
      }
    }
  }
}

/** Every promise that can settle without the passing of time has settled, with all that follows. */
export function settlePromises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
