// Runs one of the benchmark's scripts in a process of its own: what one measurement warms up, another must not find warm.

import { spawn } from "node:child_process";

/** Resolves with what the script wrote to standard output. `env` replaces the environment where it is given. */
export function runScript(
  path: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const child = spawn(process.execPath, ["--conditions=throughline-source", path, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env,
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  return new Promise((resolve, reject) => {
    child.once("close", (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${[path, ...args].join(" ")} ended with ${code}`)),
    );
  });
}
