// The owner's end of a guardian: a server process that cannot outlive the process that started it.

import { type ChildProcess, spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** What the owner tells the guardian, one JSON object a line. */
export type GuardianOrder =
  | ({ readonly order: "start" } & StartOrder)
  | { readonly order: "signal"; readonly signal: NodeJS.Signals }
  | { readonly order: "own-folder"; readonly folder: string };

/** What the guardian tells its owner. */
export type GuardianEvent =
  | { readonly event: "started"; readonly pid: number }
  | { readonly event: "failed"; readonly message: string }
  | { readonly event: "exited"; readonly code: number | null; readonly signal: NodeJS.Signals | null };

export interface StartOrder {
  readonly command: string;
  readonly args: readonly string[];
  /** Standard output and error of the server are appended here. */
  readonly logFile: string;
  /** What asks the server to end. Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
  /** Who runs it, where that is not this process's own user. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** What `start` says when somebody ended the guardian from outside. */
const guardianEnded = "the guardian process ended";

export class GuardedProcess implements AsyncDisposable {
  readonly #guardian: ChildProcess;
  readonly #gone: Promise<void>;
  #pid: number | undefined;
  #waiters: { readonly wants: readonly GuardianEvent["event"][]; resolve(event: GuardianEvent): void }[] = [];
  #exited = false;
  #guardianLost = false;
  readonly #folder: string | undefined;

  constructor(folderToRemove?: string) {
    this.#folder = folderToRemove;
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const script = fileURLToPath(new URL(`./guardian.${extension}`, import.meta.url));
    this.#guardian = spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "inherit"], detached: true });
    this.#gone = new Promise((resolve) => {
      this.#guardian.once("close", () => resolve());
      this.#guardian.once("error", () => resolve());
    });
    this.#guardian.stdin?.on("error", () => undefined);
    if (this.#guardian.stdout !== null) {
      createInterface({ input: this.#guardian.stdout }).on("line", (line) => this.#onEvent(JSON.parse(line)));
    }
    void this.#gone.then(() => this.#onGuardianGone());
    if (folderToRemove !== undefined) {
      this.#tell({ order: "own-folder", folder: folderToRemove });
    }
  }

  /** The server's process id while it runs. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** Rejects when the server cannot be started, a guardian that is gone included. */
  async start(order: StartOrder): Promise<void> {
    if (this.#guardianLost) {
      throw new Error(guardianEnded);
    }
    this.#exited = false;
    const outcome = this.#next("started", "failed");
    this.#tell({ order: "start", ...order });
    const event = await outcome;
    if (event.event === "failed") {
      throw new Error(event.message);
    }
  }

  /** Whether the server ended by itself or by a signal since it was started. */
  get hasExited(): boolean {
    return this.#exited;
  }

  /** Sends a signal and waits for the server's end where the signal ends it. */
  async end(signal: "SIGTERM" | "SIGINT" | "SIGKILL"): Promise<void> {
    if (this.#pid === undefined) {
      return;
    }
    const ended = this.#next("exited");
    this.#tell({ order: "signal", signal });
    await ended;
  }

  /** Any other signal, such as SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    this.#tell({ order: "signal", signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#guardian.stdin?.end();
    await this.#gone;
    if (this.#folder !== undefined) {
      // The guardian did this, unless it was ended before its time.
      await rm(this.#folder, { recursive: true, force: true });
    }
  }

  #tell(order: GuardianOrder): void {
    this.#guardian.stdin?.write(`${JSON.stringify(order)}\n`);
  }

  #next(...wants: readonly GuardianEvent["event"][]): Promise<GuardianEvent> {
    return new Promise((resolve) => this.#waiters.push({ wants, resolve }));
  }

  #onEvent(event: GuardianEvent): void {
    if (event.event === "started") {
      this.#pid = event.pid;
    } else if (event.event === "exited") {
      this.#pid = undefined;
      this.#exited = true;
    }
    const ready = this.#waiters.filter(({ wants }) => wants.includes(event.event));
    this.#waiters = this.#waiters.filter((waiter) => !ready.includes(waiter));
    for (const { resolve } of ready) {
      resolve(event);
    }
  }

  /** Whoever ended the guardian from outside did not end the server with it. */
  #onGuardianGone(): void {
    this.#guardianLost = true;
    if (this.#pid !== undefined) {
      try {
        process.kill(this.#pid, "SIGKILL");
      } catch {
        // It is gone already.
      }
    }
    this.#onEvent({ event: "failed", message: guardianEnded });
    this.#onEvent({ event: "exited", code: null, signal: null });
  }
}
