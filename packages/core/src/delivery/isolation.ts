// Finds out which of several suspects kills its process. Each start of a suspect is noted at the broker and struck out when
// it ends. On its first trial it runs beside others, on its second after other suspects, and on its last with nothing else
// running: who never comes back from that one is guilty, and none of its neighbours is.

import type { Handling } from "./handling.ts";
import type { Lanes } from "./lanes.ts";

export interface IsolationParts {
  readonly lanes: Lanes<Handling>;
  readonly mayBegin: () => boolean;
  readonly begin: (handling: Handling) => void;
  /** What else is here would die with the process: it is given back, and nothing more is asked for. */
  readonly closeIntake: () => void;
  readonly openIntake: () => void;
}

export class Isolation {
  readonly #parts: IsolationParts;
  readonly #suspects: Handling[] = [];
  #current: Handling | undefined = undefined;
  #isHolding = false;

  constructor(parts: IsolationParts) {
    this.#parts = parts;
  }

  /** The suspect keeps its key, gives up its slot and waits for its turn. */
  add(handling: Handling): void {
    this.#suspects.push(handling);
    handling.state = "parked";
    this.#parts.lanes.park();
    this.advance();
  }

  /** One of those that wait, to be the probe of a circuit: nothing runs beside that. */
  takeSuspect(): Handling | undefined {
    return this.#suspects.shift();
  }

  /** To be called whenever a handling has ended or was parked. */
  advance(ended?: Handling): void {
    const { lanes, mayBegin, begin } = this.#parts;
    if (ended !== undefined && ended === this.#current) {
      this.#current = undefined;
    }
    if (this.#current !== undefined || !mayBegin()) {
      return;
    }
    const [next] = this.#suspects;
    if (next?.trial === "alone") {
      this.#hold();
      if (lanes.running > 0) {
        return;
      }
    } else {
      this.#release();
    }
    // Lifting the hold may have begun the next suspect already.
    if (next !== undefined && next === this.#suspects[0] && this.#current === undefined) {
      this.#suspects.shift();
      this.#current = next;
      next.state = "busy";
      begin(next);
    }
  }

  #hold(): void {
    if (!this.#isHolding) {
      this.#isHolding = true;
      this.#parts.lanes.hold();
      this.#parts.closeIntake();
    }
  }

  #release(): void {
    if (this.#isHolding) {
      this.#isHolding = false;
      this.#parts.openIntake();
      this.#parts.lanes.lift();
    }
  }
}
