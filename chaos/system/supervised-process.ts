// A process that is started again whenever it ends, as an orchestrator does.

import { type ProcessName, ServiceProcess } from "../../examples/orders/start/service-process.ts";

const restartPauseMs = 200;

export interface SupervisedOptions {
  readonly logFile: string;
  readonly env: Readonly<Record<string, string>>;
}

export class SupervisedProcess {
  /** Distinguishes instances of one service. */
  readonly name: string;
  readonly #launch: () => ServiceProcess;
  #current: ServiceProcess;
  #isReady = false;
  #isOver = false;
  #ended: Promise<void>;

  constructor(name: string, service: ProcessName, options: SupervisedOptions) {
    this.name = name;
    this.#launch = () => new ServiceProcess(service, options);
    this.#current = this.#launch();
    this.#ended = this.#supervise();
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  async whenReady(): Promise<void> {
    while (!this.#isReady && !this.#isOver) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  kill(): Promise<void> {
    this.#isReady = false;
    return this.#current.kill();
  }

  /** SIGTERM: it drains and ends, and is started again. */
  restart(): Promise<void> {
    this.#isReady = false;
    return this.#current.stop();
  }

  pause(): void {
    this.#current.pause();
  }

  resume(): void {
    this.#current.resume();
  }

  send(message: object): void {
    this.#current.send(message);
  }

  /** Resolves when the instance that runs now has ended. */
  async whenEnded(): Promise<void> {
    await this.#current.whenEnded();
  }

  /** For good. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#current.stop();
    await this.#ended;
  }

  async #supervise(): Promise<void> {
    while (!this.#isOver) {
      const current = this.#current;
      void current.ready().then(
        () => {
          this.#isReady = this.#current === current;
        },
        () => undefined,
      );
      await current.whenEnded();
      this.#isReady = false;
      if (this.#isOver) {
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, restartPauseMs));
      if (!this.#isOver) {
        this.#current = this.#launch();
      }
    }
  }
}
