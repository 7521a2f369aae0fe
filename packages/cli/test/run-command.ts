// Runs a command in this process, as a script would, or in one of its own behind a real terminal.

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type ExitCode, runCommandLine } from "@throughline/cli";

export interface CommandOutcome {
  readonly exitCode: ExitCode;
  readonly out: string;
  readonly err: string;
}

export async function runCommand(...args: string[]): Promise<CommandOutcome> {
  let out = "";
  let err = "";
  const exitCode = await runCommandLine(args, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    cwd: process.cwd(),
    color: false,
    isInteractive: false,
  });
  return { exitCode, out, err };
}

export interface TerminalSession {
  /** Everything that the terminal has shown, escape sequences included. */
  readonly screen: () => string;
  /** What somebody types; `\u0003` is Ctrl-C. */
  type(keys: string): void;
  readonly ended: Promise<number | null>;
}

/** `script` gives the command a terminal of its own, and passes on its exit code. */
export function openTerminal(args: readonly string[], env: Readonly<Record<string, string>> = {}): TerminalSession {
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  const command = [process.execPath, "--conditions=throughline-source", main, ...args]
    .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
    .join(" ");
  // None of the other variables around a test: CI, NO_COLOR and a few more would decide about colours.
  const { PATH } = process.env;
  const child: ChildProcess = spawn("script", ["-qfec", command, "/dev/null"], {
    env: { PATH, TERM: "xterm-256color", COLORTERM: "truecolor", ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let screen = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    screen += text;
  });
  return {
    screen: () => screen,
    type: (keys) => {
      child.stdin?.write(keys);
    },
    ended: new Promise((resolve) => child.once("close", resolve)),
  };
}
