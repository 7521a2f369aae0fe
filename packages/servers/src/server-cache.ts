// Where downloaded and built servers are kept, per user, and how they get there: complete or not at all.

import { randomUUID } from "node:crypto";
import { access, constants, mkdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** `THROUGHLINE_CACHE`, else the platform's cache folder for this user. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const { THROUGHLINE_CACHE: chosen, XDG_CACHE_HOME: xdg, LOCALAPPDATA: windows } = env;
  return (
    chosen ??
    join(xdg ?? (process.platform === "win32" && windows ? windows : join(homedir(), ".cache")), "throughline")
  );
}

export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/**
 * Fills `folder` through `fill`, which works in a scratch folder that is renamed when it is done: nobody ever sees half
 * an installation, and two processes that install at once both end with a whole one.
 */
export async function installInto(folder: string, fill: (scratch: string) => Promise<void>): Promise<void> {
  const scratch = `${folder}.${randomUUID()}`;
  await mkdir(scratch, { recursive: true });
  try {
    await fill(scratch);
    await rename(scratch, folder).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST" && error.code !== "EPERM") {
        throw error;
      }
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
