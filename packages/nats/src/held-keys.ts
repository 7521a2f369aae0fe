// Takes several keys of the lanes for one task, such as an atomic batch. A key that is taken waits without a slot, so two
// that wait for each other's keys or slots cannot both stand still: keys are asked for in one go, slots come last.

import type { Lanes, LaneTask } from "@throughline/core";

export class HeldKeys {
  readonly #lanes: Lanes<LaneTask>;
  readonly #task: LaneTask;
  readonly #taken = new Set<LaneTask>();
  #missing: number;
  #released = false;

  /** `task` starts when all keys are taken and a slot is free; it releases its own key itself, as any task does. */
  constructor(lanes: Lanes<LaneTask>, keys: ReadonlySet<string>, task: LaneTask) {
    this.#lanes = lanes;
    this.#task = task;
    this.#missing = keys.size;
    for (const key of keys) {
      const hold: LaneTask = { key, start: () => this.#take(hold) };
      lanes.enqueue(hold);
    }
  }

  /** Lets go of all keys but the task's own, once it has started; what is not taken yet will step aside. */
  release(): void {
    this.#released = true;
    for (const hold of this.#taken) {
      this.#lanes.abandon(hold);
    }
    this.#taken.clear();
  }

  #take(hold: LaneTask): void {
    if (this.#released) {
      this.#lanes.release(hold);
      return;
    }
    this.#taken.add(hold);
    this.#lanes.park();
    if (--this.#missing === 0) {
      for (const taken of this.#taken) {
        if (taken.key === this.#task.key) {
          this.#taken.delete(taken);
        }
      }
      this.#lanes.resume(this.#task);
    }
  }
}
