// Runs an image without Docker: its root file system, read-only, as its own user, with nothing else of this machine but the
// network.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { eventually } from "@throughline/testing";

export interface ContainerOptions {
  readonly root: string;
  readonly command: readonly string[];
  /** `65532:65532` */
  readonly user: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Needs root, and mounts of its own. */
export async function canRunImages(): Promise<boolean> {
  const mounts = promisify(execFile)("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
  return process.getuid?.() === 0 && (await mounts.then(() => true).catch(() => false));
}

const readyTimeoutMs = 60_000;

export class Container {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #ended: Promise<number | null>;
  readonly #startedAt = performance.now();

  constructor({ root, command, user, env }: ContainerOptions) {
    // A volume at /data, as compose.yaml has it; it is gone with the process.
    const script = `
      mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && cd / &&
      mount -t tmpfs -o uid=\${1%:*},gid=\${1#*:},mode=0700 tmpfs "$0/data" &&
      root="$0" && user="$1" && shift && exec env --ignore-environment ${Object.keys(env)
        .map((name) => `${name}="$${name}"`)
        .join(" ")} "$(command -v chroot)" --userspec="$user" "$root" "$@"`;
    this.#child = spawn("unshare", ["--mount", "sh", "-c", script, root, user, ...command], {
      env: { ...env, PATH: process.env["PATH"] },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      createInterface({ input: stream as NonNullable<typeof stream> }).on("line", (line) => this.#lines.push(line));
    }
    this.#ended = new Promise((resolve) => this.#child.once("close", resolve));
  }

  get output(): string {
    return this.#lines.join("\n");
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves with how long it took, in ms. */
  async ready(): Promise<number> {
    await eventually(
      () => {
        if (this.#child.exitCode !== null) {
          throw new Error(`it ended:\n${this.output}`);
        }
        return /"msg":"(?:ready|listening)"/.test(this.output);
      },
      { timeoutMs: readyTimeoutMs, intervalMs: 2 },
    );
    return performance.now() - this.#startedAt;
  }

  async residentBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, "utf8");
    return Number(/VmRSS:\s*(\d+) kB/.exec(status)?.[1]) * 1024;
  }

  whenEnded(): Promise<number | null> {
    return this.#ended;
  }

  /** SIGTERM; resolves with the exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill("SIGTERM");
    return await this.#ended;
  }
}
