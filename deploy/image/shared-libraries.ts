// The shared libraries that a program needs, as the machine's own loader finds them.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

/**
 * Absolute paths, the loader's included; each has to lie there in the image as well. `/lib/x86_64-linux-gnu/libc.so.6`, never
 * what it may be a link to.
 */
export async function findSharedLibraries(program: string): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)("ldd", [program]);
  const missing = stdout.split("\n").find((line) => line.includes("not found"));
  if (missing !== undefined) {
    throw new Error(`${program} does not run here: ${missing.trim()}`);
  }
  // `libm.so.6 => /lib/…/libm.so.6 (0x…)`, and `/lib64/ld-linux-x86-64.so.2 (0x…)`; the kernel's own has no path.
  const paths = [...stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(([, path = ""]) => path);
  return [...new Set(paths)].sort();
}
