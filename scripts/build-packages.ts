// Builds `dist` of every package, in the order of their dependencies: one JavaScript and one declaration file for each
// source file, so that users step through what we wrote. Each package carries the license.

import { spawnSync } from "node:child_process";
import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";

/** A package comes after those that it imports. */
export const packagesInOrder = [
  "contracts",
  "core",
  "nats",
  "postgres",
  "servers",
  "telemetry",
  "journeys",
  "testing",
  "cli",
] as const;

/** Rejects with the compiler's output when a package does not build. */
export function buildPackages(): void {
  for (const name of packagesInOrder) {
    const folder = join("packages", name);
    rmSync(join(folder, "dist"), { recursive: true, force: true });
    copyFileSync("LICENSE", join(folder, "LICENSE"));
    const { status, stdout } = spawnSync(
      process.execPath,
      ["node_modules/typescript/bin/tsc", "-p", join(folder, "tsconfig.build.json")],
      { encoding: "utf8" },
    );
    if (status !== 0) {
      throw new Error(`packages/${name} does not build:\n${stdout}`);
    }
  }
}

if (import.meta.main) {
  buildPackages();
}
