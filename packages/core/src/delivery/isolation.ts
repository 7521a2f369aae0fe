// Finds out which of several suspects kills its process: each runs with no other handler beside it, after a note at the
// broker that it began. Who began so three times and never ended is guilty, and none of its neighbours is.

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

  /** The suspect keeps its key, gives up its slot and waits until nothing else runs. */
  add(handling: Handling): void {
    const { lanes, closeIntake } = this.#parts;
    this.#suspects.push(handling);
    handling.state = "parked";
    if (!this.#isHolding) {
      this.#isHolding = true;
      lanes.hold();
      closeIntake();
    }
    lanes.park();
    this.advance();
  }

  /** One of those that wait, to be the probe of a circuit: that one runs alone as well. */
  takeSuspect(): Handling | undefined {
    return this.#suspects.shift();
  }

  /** To be called whenever a handling has ended or was parked. */
  advance(ended?: Handling): void {
    if (ended !== undefined && ended === this.#current) {
      this.#current = undefined;
    }
    const { lanes, mayBegin, begin, openIntake } = this.#parts;
    if (!this.#isHolding || this.#current !== undefined || lanes.running > 0 || !mayBegin()) {
      return;
    }
    const suspect = this.#suspects.shift();
    if (suspect !== undefined) {
      this.#current = suspect;
      suspect.state = "busy";
      begin(suspect);
      return;
    }
    // What was delivered before may be suspect as well; it finds that out when it starts.
    const next = lanes.takeNext();
    if (next !== undefined) {
      lanes.startNow(next);
      return;
    }
    this.#isHolding = false;
    openIntake();
    lanes.lift();
  }
}
