// How many publications may be on their way to a server that says it is overwhelmed: half as many after each refusal, a
// few more with each success. Without it, everything refused would be sent again at once, and be refused again.

/** Refusals that come in one burst count once. */
const burstMs = 20;
const growthPerSuccess = 0.05;

export class CongestionWindow {
  readonly #max: number;
  #limit: number;
  #lastCutMs = Number.NEGATIVE_INFINITY;

  constructor(max: number) {
    this.#max = max;
    this.#limit = max;
  }

  allows(onTheirWay: number): boolean {
    return onTheirWay < this.#limit;
  }

  refused(now: number): void {
    if (now - this.#lastCutMs >= burstMs) {
      this.#lastCutMs = now;
      this.#limit = Math.max(1, this.#limit / 2);
    }
  }

  succeeded(): void {
    if (this.#limit < this.#max) {
      this.#limit = Math.min(this.#max, this.#limit + growthPerSuccess);
    }
  }
}
