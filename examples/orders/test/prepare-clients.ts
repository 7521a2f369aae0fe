// Builds the clients in other languages, where their toolchain and packages can be had; else says why not.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface ForeignClient {
  readonly name: string;
  /** The command that places an order, or why there is none. */
  readonly command: readonly string[] | undefined;
  readonly missing?: string;
}

const clients = fileURLToPath(new URL("../clients/", import.meta.url));
const built = fileURLToPath(new URL("../../../.throughline/clients/", import.meta.url));
const timeoutMs = 240_000;

export function prepareClients(): readonly ForeignClient[] {
  mkdirSync(built, { recursive: true });
  return [prepareGo(), preparePython()];
}

/** Fetching may fail where there is no network; building what was fetched may not. */
function prepareGo(): ForeignClient {
  const folder = join(clients, "go");
  const name = "Go, binary mode";
  const fetched = run("go", ["mod", "download"], folder);
  if (fetched.status !== 0) {
    return { name, command: undefined, missing: whyMissing("go mod download", fetched) };
  }
  const program = join(built, "place-order");
  const build = run("go", ["build", "-o", program, "."], folder);
  if (build.status !== 0) {
    throw new Error(`The client in Go does not build:\n${build.stderr}`);
  }
  return { name, command: [program] };
}

function preparePython(): ForeignClient {
  const name = "Python, structured mode";
  const environment = join(built, "python");
  const python = join(environment, "bin", "python");
  const script = join(clients, "python", "place_order.py");
  const install = () =>
    run(python, [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "-r",
      join(clients, "python", "requirements.txt"),
    ]);
  if (!existsSync(python) || install().status !== 0) {
    rmSync(environment, { recursive: true, force: true });
    const made = run("python3", ["-m", "venv", environment]);
    const installed = made.status === 0 ? install() : made;
    if (installed.status !== 0) {
      return { name, command: undefined, missing: whyMissing("python3 -m venv and pip install", installed) };
    }
  }
  return { name, command: [python, script] };
}

type Run = ReturnType<typeof run>;

function run(command: string, args: readonly string[], cwd?: string) {
  return spawnSync(command, args, { cwd, encoding: "utf8", timeout: timeoutMs });
}

function whyMissing(step: string, { error, stderr }: Run): string {
  const lines = (error?.message ?? stderr ?? "").trim().split("\n");
  return `${step}: ${lines.at(-1)?.slice(0, 120)}`;
}
