// Finds out which of several suspects kills its process: each runs with no other handler beside it, after a note at the
// broker that it began. Who began so three times and never ended is guilty, and none of its neighbours is.

import type { Handling } from "./handling.ts";
import type { Lanes } from "./lanes.ts";

export class Isolation {
  readonly #lanes: Lanes<Handling>;
  readonly #mayBegin: () => boolean;
  readonly #begin: (handling: Handling) => void;
  readonly #suspects: Handling[] = [];
  #current: Handling | undefined = undefined;
  #isHolding = false;

  constructor(lanes: Lanes<Handling>, mayBegin: () => boolean, begin: (handling: Handling) => void) {
    this.#lanes = lanes;
    this.#mayBegin = mayBegin;
    this.#begin = begin;
  }

  /** The suspect keeps its key, gives up its slot and waits until nothing else runs. */
  add(handling: Handling): void {
    this.#suspects.push(handling);
    handling.state = "parked";
    if (!this.#isHolding) {
      this.#isHolding = true;
      this.#lanes.hold();
    }
    this.#lanes.park();
    this.advance();
  }

  /** To be called whenever a handling has ended or was parked. */
  advance(ended?: Handling): void {
    if (ended !== undefined && ended === this.#current) {
      this.#current = undefined;
    }
    if (!this.#isHolding || this.#current !== undefined || this.#lanes.running > 0 || !this.#mayBegin()) {
      return;
    }
    this.#current = this.#suspects.shift();
    if (this.#current === undefined) {
      this.#isHolding = false;
      this.#lanes.lift();
    } else {
      this.#current.state = "busy";
      this.#begin(this.#current);
    }
  }
}
