// Postgres refuses to run as root, so root lets somebody without privileges run it.

import { spawnSync } from "node:child_process";
import { chown } from "node:fs/promises";

export interface UnprivilegedUser {
  readonly uid: number;
  readonly gid: number;
}

/** Undefined where this process is not root's. @throws Error where root finds nobody */
export async function unprivilegedUser(): Promise<UnprivilegedUser | undefined> {
  if (process.getuid?.() !== 0) {
    return undefined;
  }
  const [uid, gid] = ["-u", "-g"].map((flag) => Number(spawnSync("id", [flag, "nobody"], { encoding: "utf8" }).stdout));
  if (!uid || !gid) {
    throw new Error("Postgres does not run as root, and there is no user named nobody to run it.");
  }
  return { uid, gid };
}

export async function ownFolder(folder: string, { uid, gid }: UnprivilegedUser): Promise<void> {
  await chown(folder, uid, gid);
}
