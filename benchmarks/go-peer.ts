// The same work in Go with nats.go, where Go is installed: built once a run into a temporary folder.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Undefined: not built yet. Null: cannot be built. */
let binary: string | null | undefined;

/** Standard output of the Go program; undefined where it cannot be built. */
export async function runGo(args: readonly string[]): Promise<string | undefined> {
  if (binary === undefined) {
    binary = build();
  }
  if (binary === null) {
    return undefined;
  }
  const { status, stdout, stderr } = spawnSync(binary, args, { encoding: "utf8", timeout: 120_000 });
  if (status !== 0) {
    throw new Error(`The Go peer failed: ${stderr}`);
  }
  return stdout.trim();
}

function build(): string | null {
  const folder = mkdtempSync(join(tmpdir(), "throughline-go-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const output = join(folder, "peer");
  const { status, stderr, error } = spawnSync("go", ["build", "-o", output, "."], {
    cwd: fileURLToPath(new URL("./go", import.meta.url)),
    encoding: "utf8",
    timeout: 180_000,
  });
  if (status !== 0) {
    process.stderr.write(`  nats.go is left out: ${(error?.message ?? stderr).trim().split("\n").at(-1)}\n`);
    return null;
  }
  return output;
}
