// A process that hosts one service: it can stand still for a while, and it can die.

import type { Clock } from "@throughline/core";

export class SimulatedProcess {
  readonly name: string;
  /** Time as this process sees it: timers that come due while it stands still run when it goes on. */
  readonly clock: Clock;
  readonly #onKill: (() => void)[] = [];
  #isAlive = true;
  /** What waits for the process to go on; undefined while it runs. */
  #waiting: (() => void)[] | undefined;

  constructor(name: string, clock: Clock) {
    this.name = name;
    this.clock = {
      now: () => clock.now(),
      random: () => clock.random(),
      schedule: (delayMs, callback) => {
        let isCancelled = false;
        const cancel = clock.schedule(delayMs, () =>
          this.run(() => {
            if (!isCancelled) {
              callback();
            }
          }),
        );
        return () => {
          isCancelled = true;
          cancel();
        };
      },
      defer: (callback) => {
        clock.schedule(0, () => this.run(callback));
      },
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Runs now, when the process goes on, or never when it is dead. */
  run(action: () => void): void {
    if (this.#waiting !== undefined) {
      this.#waiting.push(action);
    } else if (this.#isAlive) {
      action();
    }
  }

  pause(): void {
    this.#waiting ??= [];
  }

  resume(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const action of waiting) {
      this.run(action);
    }
  }

  onKill(action: () => void): void {
    this.#onKill.push(action);
  }

  /** SIGKILL: nothing of it runs any more. */
  kill(): void {
    this.#isAlive = false;
    this.#waiting = undefined;
    for (const action of this.#onKill) {
      action();
    }
  }
}
