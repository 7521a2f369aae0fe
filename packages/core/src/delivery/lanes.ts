// Runs tasks of one key one after another and tasks of different keys side by side, up to a limit.
// A parked key holds its place in line but no slot, so a failing key never slows another one down.

import Queue from "yocto-queue";

/** One unit of work in a lane. It runs when `start` is called and ends with exactly one `release` or `park`. */
export interface LaneTask {
  readonly key: string;
  start(): void;
}

export class Lanes<Task extends LaneTask> {
  readonly #concurrency: number;
  /** Busy keys, each with the tasks behind the one that runs or is parked (undefined while there are none). */
  readonly #lanes = new Map<string, Queue<Task> | undefined>();
  /** Tasks whose key is free, waiting for a slot. */
  readonly #ready = new Queue<Task>();
  #running = 0;
  #holds = 0;
  #starting = false;

  constructor(concurrency: number) {
    this.#concurrency = concurrency;
  }

  get running(): number {
    return this.#running;
  }

  /** Nothing runs, and nothing would begin by itself. */
  get isAtRest(): boolean {
    return this.#running === 0 && (this.#holds > 0 || this.#ready.size === 0);
  }

  /** Starts the task now where its key and a slot are free; otherwise it waits its turn. True: it waits for its key. */
  enqueue(task: Task): boolean {
    const waiting = this.#lanes.get(task.key);
    if (waiting !== undefined) {
      waiting.enqueue(task);
      return true;
    }
    if (this.#lanes.has(task.key)) {
      const behind = new Queue<Task>();
      behind.enqueue(task);
      this.#lanes.set(task.key, behind);
      return true;
    }
    this.#lanes.set(task.key, undefined);
    if (!this.#starting && this.#holds === 0 && this.#running < this.#concurrency && this.#ready.size === 0) {
      this.#running++;
      task.start();
    } else {
      this.#startOrQueue(task);
    }
    return false;
  }

  /** The running task is done: its key's next task follows. */
  release(task: Task): void {
    this.#running--;
    this.#advance(task.key);
  }

  /** The running task gives up its slot but keeps its key; `resume` or `abandon` ends that. */
  park(): void {
    this.#running--;
    this.#startReady();
  }

  /** The parked task runs again as soon as a slot is free, before anything else of its key. */
  resume(task: Task): void {
    this.#startOrQueue(task);
  }

  /** The parked task is done without having run again. */
  abandon(task: Task): void {
    this.#advance(task.key);
  }

  /** Nothing starts by itself until every hold is lifted; what runs goes on. */
  hold(): void {
    this.#holds++;
  }

  lift(): void {
    this.#holds--;
    this.#startReady();
  }

  /** Takes out the task that would start next; `startNow` follows. */
  takeNext(): Task | undefined {
    return this.#ready.dequeue();
  }

  /** Starts a parked task, or one taken out by `takeNext`, whatever holds there are. */
  startNow(task: Task): void {
    this.#running++;
    task.start();
  }

  /** Takes out what waits for a slot or behind its key, except for what stays: that keeps its place and its key. */
  takeWaiting(stays: (task: Task) => boolean): Task[] {
    const taken: Task[] = [];
    for (const task of [...this.#ready.drain()]) {
      if (stays(task)) {
        this.#ready.enqueue(task);
      } else {
        taken.push(task, ...(this.#lanes.get(task.key)?.drain() ?? []));
        this.#lanes.delete(task.key);
      }
    }
    for (const [key, behind] of this.#lanes) {
      taken.push(...(behind?.drain() ?? []));
      this.#lanes.set(key, undefined);
    }
    return taken;
  }

  #advance(key: string): void {
    const next = this.#lanes.get(key)?.dequeue();
    if (next === undefined) {
      this.#lanes.delete(key);
    } else {
      this.#ready.enqueue(next);
    }
    this.#startReady();
  }

  #startOrQueue(task: Task): void {
    this.#ready.enqueue(task);
    this.#startReady();
  }

  /** A task that ends synchronously comes back here while the loop runs: the loop goes on, the stack stays flat. */
  #startReady(): void {
    if (this.#starting) {
      return;
    }
    this.#starting = true;
    try {
      while (this.#holds === 0 && this.#running < this.#concurrency) {
        const task = this.#ready.dequeue();
        if (task === undefined) {
          return;
        }
        this.#running++;
        task.start();
      }
    } finally {
      this.#starting = false;
    }
  }
}
