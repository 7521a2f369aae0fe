// A process that hosts one role of an experiment, and ends with the process that started it.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface WorkerSettings {
  readonly name: string;
  readonly url: string;
  readonly effects: string;
  readonly [setting: string]: unknown;
}

export class Worker {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #isReady = false;

  constructor(script: string, settings: WorkerSettings) {
    this.name = settings.name;
    this.#process = fork(
      fileURLToPath(new URL(`./workers/${script}.ts`, import.meta.url)),
      [JSON.stringify(settings)],
      {
        execArgv: ["--conditions=throughline-source"],
        stdio: ["ignore", "ignore", "inherit", "ipc"],
      },
    );
    this.#ended = once(this.#process, "exit");
    this.#process.once("message", () => {
      this.#isReady = true;
    });
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Resolves when it has begun its work; rejects when it ends before. */
  async ready(): Promise<void> {
    if (!this.#isReady) {
      await Promise.race([
        once(this.#process, "message"),
        this.#ended.then(() => Promise.reject(new Error(`${this.name} ended before it was ready`))),
      ]);
    }
  }

  whenEnded(): Promise<unknown> {
    return this.#ended;
  }

  /** SIGKILL: as a crash does. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }

  /** SIGSTOP, and SIGCONT after a while: it notices nothing, and everybody else does. */
  async freeze(ms: number): Promise<void> {
    this.#process.kill("SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.#process.kill("SIGCONT");
  }

  /** SIGTERM: drains and ends. */
  async stop(): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#ended;
  }
}
