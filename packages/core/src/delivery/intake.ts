// What one subscription asks for: as many deliveries as can be worked on, and none while its circuit is open or a suspect
// begins.

import type { Consumption, ConsumptionHealth, Delivery } from "../transport.ts";
import type { Handling } from "./handling.ts";

/** Why nothing is asked for; what closed it has to open it again. */
export type ClosingReason = "circuit" | "isolation";

export class Intake {
  readonly #capacity: number;
  readonly #bounce: ((delivery: Delivery) => void) | undefined;
  readonly #closedBy = new Set<ClosingReason>();
  #consumption: Consumption | undefined;
  /** "one" while a single delivery is asked for, to probe with. */
  #width: "all" | "one" | "none" = "none";
  /** Asked for, and not here yet. */
  #outstanding = 0;
  #isPaused = false;
  #isStopped = false;
  /** What arrived although nothing should. */
  #late: Delivery[] = [];
  /** Pauses take their time; what follows waits for them. */
  #changes: Promise<void> = Promise.resolve();
  #newestChange = 0;

  /** `bounce` gives back at once what still arrives while it is closed; without it, that waits to be given back in order. */
  constructor(capacity: number, bounce?: (delivery: Delivery) => void) {
    this.#capacity = capacity;
    this.#bounce = bounce;
  }

  get consumption(): Consumption | undefined {
    return this.#consumption;
  }

  begin(consumption: Consumption): void {
    this.#consumption = consumption;
    this.#width = "all";
    this.#grant(this.#capacity);
  }

  health(): ConsumptionHealth {
    return this.#consumption?.health() ?? { pulling: false, problem: "not started" };
  }

  /** To be called for whatever arrives. */
  noteArrival(): void {
    this.#outstanding--;
  }

  /** Whether this delivery is wanted; if not, it is given back. */
  admits(delivery: Delivery): boolean {
    if (this.#width === "none") {
      if (this.#bounce === undefined || this.#isStopped) {
        this.#late.push(delivery);
      } else {
        this.#bounce(delivery);
      }
    }
    return this.#width !== "none";
  }

  /** One more delivery in the place of one that is not worked on. */
  grantOne(): void {
    if (this.#width === "all" || (this.#width === "one" && this.#outstanding <= 0)) {
      this.#grant(1);
    }
  }

  /** As `grantOne`, once for each message, while as many are asked for as can be worked on. */
  replace(handling: Handling): void {
    if (!handling.isReplaced) {
      handling.isReplaced = true;
      if (this.#width === "all") {
        this.#grant(1);
      }
    }
  }

  /**
   * Asks for nothing any more. A short while is no reason to leave the requests that are out: what they bring is bounced.
   * Otherwise they are given up, and `whenQuiet` gets what still arrived meanwhile.
   */
  close(reason: ClosingReason, whenQuiet: (late: readonly Delivery[]) => Promise<void>): void {
    this.#closedBy.add(reason);
    this.#width = "none";
    this.#newestChange++;
    const isShort = reason === "isolation" && this.#bounce !== undefined;
    if (isShort) {
      return;
    }
    this.#change(async () => {
      this.#width = "none";
      if (!this.#isPaused) {
        this.#isPaused = true;
        await this.#consumption?.pause();
        this.#outstanding = 0;
      }
      await whenQuiet(this.#takeLate());
    });
  }

  /** Asks for a single delivery, for a circuit that is the only reason not to ask for more. */
  askForOne(): void {
    if (!this.#closedBy.has("isolation")) {
      this.#changeUnlessStopped(() => {
        this.#width = "one";
        this.grantOne();
      });
    }
  }

  /** Asks for as many as can be worked on beside what `countHeld` says is here already, unless there is another reason. */
  open(reason: ClosingReason, countHeld: () => number): void {
    this.#closedBy.delete(reason);
    if (this.#closedBy.size === 0) {
      this.#changeUnlessStopped(() => {
        this.#width = "all";
        this.#grant(Math.max(0, this.#capacity - countHeld() - this.#outstanding));
      });
    }
  }

  /** For good. What still arrives is as welcome as before; resolves with what was not. */
  async stop(): Promise<readonly Delivery[]> {
    this.#isStopped = true;
    await this.#changes;
    if (this.#bounce === undefined && !this.#isPaused) {
      // In order: what the server hands to an inbox that is left in a hurry comes again too late.
      await this.#consumption?.pause();
    }
    await this.#consumption?.stop();
    this.#width = "none";
    return this.#takeLate();
  }

  #grant(count: number): void {
    if (this.#isStopped) {
      return;
    }
    this.#outstanding += count;
    this.#consumption?.grant(count);
  }

  #change(step: () => Promise<void>): void {
    this.#changes = this.#changes.then(step, step);
  }

  /** Does nothing when another change was asked for meanwhile. */
  #changeUnlessStopped(step: () => void): void {
    const change = ++this.#newestChange;
    this.#change(async () => {
      const isWanted = () => !this.#isStopped && change === this.#newestChange;
      if (isWanted() && this.#isPaused) {
        this.#isPaused = false;
        await this.#consumption?.resume();
      }
      if (isWanted()) {
        step();
      }
    });
  }

  #takeLate(): readonly Delivery[] {
    const late = this.#late;
    this.#late = [];
    return late;
  }
}
