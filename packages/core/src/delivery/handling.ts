// One delivery under way in this process, from its arrival to its answer, over all attempts that are made here.

import type { Delivery } from "../transport.ts";
import type { AttemptContext } from "./event-handling.ts";
import type { LaneTask } from "./lanes.ts";

export class Handling implements LaneTask {
  readonly type: string;
  readonly key: string;
  readonly receivedAtMs: number;
  /** The broker's count of deliveries when this one came. */
  readonly firstAttempt: number;
  /** The newest delivery of this message; answers go to it. */
  delivery: Delivery;
  lastExtendedMs: number;
  firstFailureMs: number | undefined = undefined;
  /** The attempt whose handler runs. One that timed out no longer stands here, so its late outcome changes nothing. */
  running: AttemptContext | undefined = undefined;
  cancelPark: (() => void) | undefined = undefined;
  /** Whether another delivery was asked for in its place, which happens once: when it is parked first, or when it ends. */
  isReplaced = false;
  readonly #run: (handling: Handling) => void;
  #heldAttempts = 0;

  constructor(delivery: Delivery, now: number, run: (handling: Handling) => void) {
    const { subject } = delivery.message;
    const endOfContext = subject.indexOf(".");
    const endOfType = subject.indexOf(".", endOfContext + 1);
    this.type = endOfType < 0 ? subject : subject.slice(0, endOfType);
    this.key = subject.slice(endOfType + 1);
    this.delivery = delivery;
    this.receivedAtMs = now;
    this.lastExtendedMs = now;
    this.firstAttempt = delivery.attempt;
    this.#run = run;
  }

  /** Attempts of the policy: deliveries before this one came, and what failed here while the message was held. */
  get attempt(): number {
    return this.firstAttempt + this.#heldAttempts;
  }

  start(): void {
    this.#run(this);
  }

  /** The message stays here for its next attempt. */
  countHeldAttempt(): void {
    this.#heldAttempts++;
  }
}
