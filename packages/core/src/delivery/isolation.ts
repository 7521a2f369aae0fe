// Finds out which of several suspects kills its process: one of them at a time runs, after a note at the broker that it
// began. Who began so three times and never ended is guilty. While it begins nothing else runs and nothing else is here, so
// that hardly anything dies with it; what takes long is no reason to keep the others waiting.

import type { Clock } from "../clock.ts";
import type { Handling } from "./handling.ts";
import type { Lanes } from "./lanes.ts";

export interface IsolationParts {
  readonly lanes: Lanes<Handling>;
  readonly clock: Clock;
  readonly mayBegin: () => boolean;
  readonly begin: (handling: Handling) => void;
  /** What else is here would die with the process: it is given back, and nothing more is asked for. */
  readonly closeIntake: () => void;
  readonly openIntake: () => void;
}

/** How long others are held up: until what runs has ended, and again until the suspect has. */
const patienceMs = 100;

export class Isolation {
  readonly #parts: IsolationParts;
  readonly #suspects: Handling[] = [];
  #current: Handling | undefined = undefined;
  #isHolding = false;
  #isPatient = true;
  #cancelPatience: () => void = () => undefined;

  constructor(parts: IsolationParts) {
    this.#parts = parts;
  }

  /** The suspect keeps its key, gives up its slot and waits for its turn. */
  add(handling: Handling): void {
    this.#suspects.push(handling);
    handling.state = "parked";
    if (this.#current === undefined) {
      this.#hold();
    }
    this.#parts.lanes.park();
    this.advance();
  }

  /** One of those that wait, to be the probe of a circuit: that one runs alone as well. */
  takeSuspect(): Handling | undefined {
    return this.#suspects.shift();
  }

  /** To be called whenever a handling has ended or was parked. */
  advance(ended?: Handling): void {
    const { lanes, mayBegin, begin } = this.#parts;
    if (ended !== undefined && ended === this.#current) {
      this.#current = undefined;
      if (this.#suspects.length > 0) {
        this.#hold();
      }
    }
    const mustWait = lanes.running > 0 && this.#isPatient;
    if (!this.#isHolding || this.#current !== undefined || mustWait || !mayBegin()) {
      return;
    }
    const suspect = this.#suspects.shift();
    if (suspect !== undefined) {
      this.#current = suspect;
      this.#waitAtMost(() => this.#release());
      suspect.state = "busy";
      begin(suspect);
      return;
    }
    // What was delivered before may be suspect as well; it finds that out when it starts.
    const next = lanes.running > 0 ? undefined : lanes.takeNext();
    if (next !== undefined) {
      lanes.startNow(next);
      return;
    }
    this.#release();
  }

  #hold(): void {
    if (!this.#isHolding) {
      this.#isHolding = true;
      this.#parts.lanes.hold();
      this.#parts.closeIntake();
    }
    this.#isPatient = true;
    this.#waitAtMost(() => {
      this.#isPatient = false;
      this.advance();
    });
  }

  #release(): void {
    this.#cancelPatience();
    if (this.#isHolding) {
      this.#isHolding = false;
      this.#parts.openIntake();
      // What starts now may be the next suspect.
      this.#parts.lanes.lift();
    }
  }

  #waitAtMost(then: () => void): void {
    this.#cancelPatience();
    this.#cancelPatience = this.#parts.clock.schedule(patienceMs, then);
  }
}
