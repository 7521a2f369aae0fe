// Postgres refuses to run as root, so root lets somebody without privileges run it, in folders that this one can reach.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { chmod, chown, cp, mkdir, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";

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

/** The folder itself where the user can enter all that leads to it; else one of the machine's for this purpose, always the same. */
export function reachablePlace(folder: string, user: UnprivilegedUser): string {
  return canReach(dirname(resolve(folder)), user) ? folder : join(sharedRoot(), `throughline-${nameOf(folder)}`);
}

/** A folder of programs that the user can run: the folder itself, or a copy of what surrounds it. */
export async function reachablePrograms(folder: string, user: UnprivilegedUser): Promise<string> {
  if (canReach(resolve(folder), user)) {
    return folder;
  }
  const installation = dirname(folder);
  const copy = join(sharedRoot(), `throughline-programs-${nameOf(installation)}`);
  if (!existsSync(copy)) {
    const unfinished = `${copy}.${process.pid}`;
    await mkdir(unfinished, { mode: 0o755 });
    await cp(installation, unfinished, { recursive: true, verbatimSymlinks: true });
    await chmod(unfinished, 0o755);
    await rename(unfinished, copy).catch(() => rm(unfinished, { recursive: true }));
  }
  if ((await stat(copy)).uid !== 0) {
    throw new Error(`${copy} was made by somebody else; remove it.`);
  }
  return join(copy, basename(folder));
}

/** Kept when the machine starts again, where there is such a place. */
function sharedRoot(): string {
  return existsSync("/var/tmp") ? "/var/tmp" : tmpdir();
}

function nameOf(folder: string): string {
  return createHash("sha256").update(resolve(folder)).digest("hex").slice(0, 16);
}

function canReach(folder: string, { uid, gid }: UnprivilegedUser): boolean {
  for (let at = folder; ; at = dirname(at)) {
    const { mode, uid: owner, gid: group } = statSync(existsSync(at) ? at : "/");
    const enter = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001;
    if ((mode & enter) === 0) {
      return false;
    }
    if (at === dirname(at)) {
      return true;
    }
  }
}
