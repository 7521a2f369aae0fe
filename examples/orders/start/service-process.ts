// One service as a process of its own: started, waited for, stopped, killed.

import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const serviceNames = ["gateway", "orders", "payments", "inventory", "notifications"] as const;
export type ServiceName = (typeof serviceNames)[number];
/** The services, and what they ask outside. */
export type ProcessName = ServiceName | "card-processor";

export interface LaunchOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
}

/** One line of a service's log. */
export interface LogEntry {
  readonly level: number;
  readonly msg: string;
  readonly url?: string;
  readonly err?: { readonly message: string; readonly remedy?: string };
  readonly [field: string]: unknown;
}

/** Pino's. */
const errorLevel = 50;
const stopTimeoutMs = 15_000;
const keptLines = 500;

export class ServiceProcess {
  readonly name: ProcessName;
  /** The newest log entries. */
  readonly #log: LogEntry[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  readonly #logFile: string;
  #onEntry: ((entry: LogEntry) => void) | undefined;

  /** The service runs in a process group of its own: a Ctrl-C reaches it through the launcher only. */
  constructor(name: ProcessName, { env, logFile }: LaunchOptions) {
    this.name = name;
    this.#logFile = logFile;
    mkdirSync(dirname(logFile), { recursive: true });
    const script = fileURLToPath(new URL(`../${name}/main.ts`, import.meta.url));
    this.#child = spawn(process.execPath, ["--conditions=throughline-source", script], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      detached: true,
    });
    this.#exited = new Promise((resolve) => this.#child.once("exit", resolve));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) {
        createInterface({ input: stream }).on("line", (line) => this.#onLine(line));
      }
    }
  }

  /** The log entry that says the service is at work: "ready", or "listening" where it answers HTTP. */
  async ready(): Promise<LogEntry> {
    const wanted = this.name === "gateway" || this.name === "card-processor" ? "listening" : "ready";
    const entry = await Promise.race([this.#waitForLog((entry) => entry.msg === wanted), this.#exited]);
    if (entry === null || typeof entry === "number") {
      throw new Error(
        `${this.name} ended before it was ready (exit code ${entry}): ${this.#explainEnd()}\nLog: ${this.#logFile}`,
      );
    }
    return entry;
  }

  /** The last error in the log, for people; the last lines where there is none. */
  #explainEnd(): string {
    const err = this.#log.findLast(({ level, err }) => level >= errorLevel && err !== undefined)?.err;
    return err === undefined
      ? this.#log
          .slice(-5)
          .map(({ msg }) => `\n  ${msg}`)
          .join("")
      : [err.message, err.remedy].filter(Boolean).join("\nFix: ");
  }

  /** The first entry that fits, past or to come. */
  #waitForLog(fits: (entry: LogEntry) => boolean): Promise<LogEntry> {
    const past = this.#log.find(fits);
    if (past !== undefined) {
      return Promise.resolve(past);
    }
    return new Promise((resolve) => {
      const before = this.#onEntry;
      this.#onEntry = (entry) => {
        before?.(entry);
        if (fits(entry)) {
          resolve(entry);
        }
      };
    });
  }

  /** SIGTERM, and SIGKILL for one that takes far too long. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      return;
    }
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), stopTimeoutMs);
    this.#child.kill("SIGTERM");
    await this.#exited;
    clearTimeout(timer);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  /** SIGSTOP and SIGCONT: it notices nothing, and everybody else does. */
  pause(): void {
    this.#child.kill("SIGSTOP");
  }

  resume(): void {
    this.#child.kill("SIGCONT");
  }

  /** Tells the process something; one that is gone is not told. */
  send(message: object): void {
    if (this.#child.connected) {
      this.#child.send(message, () => undefined);
    }
  }

  whenEnded(): Promise<number | null> {
    return this.#exited;
  }

  #onLine(line: string): void {
    appendFileSync(this.#logFile, `${line}\n`);
    const entry = parseEntry(line);
    this.#log.push(entry);
    if (this.#log.length > keptLines) {
      this.#log.shift();
    }
    this.#onEntry?.(entry);
  }
}

function parseEntry(line: string): LogEntry {
  try {
    return JSON.parse(line);
  } catch {
    return { level: 30, msg: line };
  }
}
