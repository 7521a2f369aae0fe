// The lock file on disk.

import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type ContractLock, parseLock } from "@throughline/contracts/compatibility";

const defaultName = "contracts.lock.json";

export function lockPathOf(option: string | undefined, cwd: string, folder: string): string {
  return option === undefined ? join(folder, defaultName) : resolve(cwd, option);
}

/** Undefined where there is none. @throws CONTRACT_LOCK_INVALID */
export function readLock(path: string): ContractLock | undefined {
  return existsSync(path) ? parseLock(readFileSync(path, "utf8")) : undefined;
}
