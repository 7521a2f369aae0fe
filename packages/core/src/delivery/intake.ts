// What one subscription asks for: as many deliveries as can be worked on, and none while its circuit is open.

import type { Consumption, ConsumptionHealth, Delivery } from "../transport.ts";
import type { Handling } from "./handling.ts";

/** Why nothing is asked for; what closed it has to open it again. */
export type ClosingReason = "circuit" | "isolation";

export class Intake {
  readonly #capacity: number;
  readonly #closedBy = new Set<ClosingReason>();
  readonly #bounce: ((delivery: Delivery) => void) | undefined;
  #consumption: Consumption | undefined;
  /** "one" while a single delivery is asked for, to probe with. */
  #width: "all" | "one" | "none" = "none";
  #isPaused = false;
  #isStopped = false;
  #isProbeOnItsWay = false;
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
    consumption.grant(this.#capacity);
  }

  health(): ConsumptionHealth {
    return this.#consumption?.health() ?? { pulling: false, problem: "not started" };
  }

  /** To be called for whatever arrives: what was asked for is there. */
  noteArrival(): void {
    this.#isProbeOnItsWay = false;
  }

  /** Whether this delivery is wanted; if not, it is kept for whoever closed the intake. */
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
    if (this.#width === "all") {
      this.#consumption?.grant(1);
    } else if (this.#width === "one" && !this.#isProbeOnItsWay) {
      this.#isProbeOnItsWay = true;
      this.#consumption?.grant(1);
    }
  }

  /** As `grantOne`, once for each message, while as many are asked for as can be worked on. */
  replace(handling: Handling): void {
    if (!handling.isReplaced) {
      handling.isReplaced = true;
      if (this.#width === "all") {
        this.#consumption?.grant(1);
      }
    }
  }

  /** Asks for nothing any more; `whenQuiet` gets what still arrived meanwhile. */
  close(reason: ClosingReason, whenQuiet: (late: readonly Delivery[]) => Promise<void>): void {
    this.#closedBy.add(reason);
    this.#width = "none";
    this.#newestChange++;
    this.#change(async () => {
      this.#width = "none";
      this.#isProbeOnItsWay = false;
      if (!this.#isPaused) {
        this.#isPaused = true;
        await this.#consumption?.pause();
      }
      await whenQuiet(this.#takeLate());
    });
  }

  /** Asks for a single delivery, for a circuit that is the only reason not to ask for more. */
  askForOne(): void {
    if (this.#closedBy.has("isolation")) {
      return;
    }
    this.#changeUnlessStopped(() => {
      this.#resume();
      this.#width = "one";
      this.grantOne();
    });
  }

  /** Asks for as many as can be worked on beside what `countHeld` says is here already, unless there is another reason. */
  open(reason: ClosingReason, countHeld: () => number): void {
    this.#closedBy.delete(reason);
    if (this.#closedBy.size > 0) {
      return;
    }
    this.#changeUnlessStopped(() => {
      this.#resume();
      this.#width = "all";
      this.#consumption?.grant(Math.max(0, this.#capacity - countHeld() - (this.#isProbeOnItsWay ? 1 : 0)));
      this.#isProbeOnItsWay = false;
    });
  }

  /** For good; resolves with what still arrived. */
  async stop(): Promise<readonly Delivery[]> {
    this.#isStopped = true;
    this.#width = "none";
    await this.#changes;
    await this.#consumption?.stop();
    return this.#takeLate();
  }

  #change(step: () => Promise<void>): void {
    this.#changes = this.#changes.then(step, step);
  }

  /** Does nothing when another change was asked for meanwhile. */
  #changeUnlessStopped(step: () => void): void {
    const change = ++this.#newestChange;
    this.#change(async () => {
      if (!this.#isStopped && change === this.#newestChange) {
        step();
      }
    });
  }

  #resume(): void {
    if (this.#isPaused) {
      this.#isPaused = false;
      this.#consumption?.resume();
    }
  }

  #takeLate(): readonly Delivery[] {
    const late = this.#late;
    this.#late = [];
    return late;
  }
}
