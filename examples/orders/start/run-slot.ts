// Each running system has a slot of its own under .throughline, so that a second one works beside the first.
// The lowest free slot is taken, which keeps a system's streams from one run to the next.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface RunSlot extends Disposable {
  readonly folder: string;
}

const maxSlots = 16;

/** Takes the lowest slot that no living process holds. */
export function takeRunSlot(stateFolder: string): RunSlot {
  for (let number = 1; number <= maxSlots; number++) {
    const folder = join(stateFolder, `system-${number}`);
    const lock = join(folder, "pid");
    mkdirSync(folder, { recursive: true });
    if (tryLock(lock)) {
      return { folder, [Symbol.dispose]: () => rmSync(lock, { force: true }) };
    }
  }
  throw new Error(`${maxSlots} systems run already; end one of them (their process ids: ${stateFolder}/system-*/pid).`);
}

function tryLock(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
      throw error;
    }
  }
  if (isAlive(Number(readFileSync(lock, "utf8")))) {
    return false;
  }
  rmSync(lock, { force: true });
  return tryLock(lock);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return pid !== process.pid;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
