// One delivery under way in this process, from its arrival to its answer, over all attempts that are made here.

import type { AttemptRecord, Delivery } from "../transport.ts";
import type { AttemptContext } from "./event-handling.ts";
import type { LaneTask } from "./lanes.ts";

/** So often a suspect may begin and never end. */
const maxTrials = 3;

/** To anybody, by what the broker tells. */
export function wasDeliveredBefore({ attempt, earlierOwner }: Delivery): boolean {
  return attempt > 1 || earlierOwner !== undefined;
}

export class Handling implements LaneTask {
  readonly type: string;
  readonly key: string;
  readonly receivedAtMs: number;
  /** The newest delivery of this message; answers go to it. */
  delivery: Delivery;
  lastExtendedMs: number;
  firstFailureMs: number | undefined = undefined;
  /** The attempt whose handler runs. One that timed out no longer stands here, so its late outcome changes nothing. */
  running: AttemptContext | undefined = undefined;
  /** "busy" from the start of an attempt until its outcome is dealt with; only what is not can be given back. */
  state: "waiting" | "busy" | "parked" = "waiting";
  cancelPark: (() => void) | undefined = undefined;
  /** Whether another delivery was asked for in its place, which happens once: when it is parked first, or when it ends. */
  isReplaced = false;
  /** Whether an attempt was begun here. */
  hasBegun = false;
  /** Its start was noted as that of a suspect. */
  isOnTrial = false;
  readonly #run: (handling: Handling) => void;
  #failures = 0;
  #starts = 0;
  #returned = 0;
  #postponed = 0;
  #isKnown: boolean;

  constructor(delivery: Delivery, now: number, run: (handling: Handling) => void) {
    const { subject } = delivery.message;
    const endOfContext = subject.indexOf(".");
    const endOfType = subject.indexOf(".", endOfContext + 1);
    this.type = endOfType < 0 ? subject : subject.slice(0, endOfType);
    this.key = subject.slice(endOfType + 1);
    this.delivery = delivery;
    this.receivedAtMs = now;
    this.lastExtendedMs = now;
    this.#run = run;
    this.#isKnown = !wasDeliveredBefore(delivery);
  }

  /** Attempts of the policy: what failed before, here or elsewhere, and the one at hand. */
  get attempt(): number {
    return this.#failures + 1;
  }

  get redelivered(): boolean {
    return wasDeliveredBefore(this.delivery) || this.#failures > 0;
  }

  /** Whether it is known what became of earlier deliveries. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** It came again although no attempt failed and nobody gave it back: its process may have died of it. */
  get isSuspect(): boolean {
    const { attempt, earlierOwner } = this.delivery;
    const isUnexplained = earlierOwner === "lost" || attempt - 1 > this.#failures + this.#returned + this.#postponed;
    return isUnexplained && !this.killsItsProcess;
  }

  /** How often it waited for somebody who knows its version. */
  get postponed(): number {
    return this.#postponed;
  }

  get killsItsProcess(): boolean {
    return this.#starts >= maxTrials && !this.isOnTrial;
  }

  /** How carefully a suspect runs: beside others, after other suspects, or with nothing else running. */
  get trial(): "beside-others" | "in-turn" | "alone" {
    if (this.#starts === 0) {
      return "beside-others";
    }
    return this.#starts < maxTrials - 1 ? "in-turn" : "alone";
  }

  get starts(): number {
    return this.#starts;
  }

  /** What the next process that gets it has to know. */
  record(atMs: number, error?: AttemptRecord["error"]): AttemptRecord {
    const counts = { failures: this.#failures, starts: this.#starts, returned: this.#returned };
    const postponed = this.#postponed === 0 ? undefined : { postponed: this.#postponed };
    return { ...counts, ...postponed, atMs, ...(error && { error }) };
  }

  /** It is given back without having been tried. */
  countReturn(): void {
    this.#returned++;
  }

  /** What earlier deliveries came to. Where that cannot be read, each of them counts as an attempt. */
  learn(record: AttemptRecord | "none" | "unreadable"): void {
    this.#isKnown = true;
    if (record === "unreadable") {
      this.#failures = this.delivery.attempt - 1;
    } else if (record !== "none") {
      this.#failures = record.failures;
      this.#starts = record.starts;
      this.#returned = record.returned;
      this.#postponed = record.postponed ?? 0;
    }
  }

  /** No handler saw it, so this is no attempt. */
  countPostponement(): void {
    this.#postponed++;
    this.endTrial();
  }

  beginTrial(): void {
    this.isOnTrial = true;
    this.#starts++;
  }

  /** It ended, one way or another, and so did not kill its process. */
  endTrial(): void {
    this.isOnTrial = false;
    this.#starts = 0;
  }

  countFailure(): void {
    this.#failures++;
    this.endTrial();
  }

  start(): void {
    this.state = "busy";
    this.hasBegun = true;
    this.#run(this);
  }
}
