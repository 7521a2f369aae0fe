// Random bytes are drawn for many ids at a time: drawing them one by one is most of what an id costs.

import { Buffer } from "node:buffer";
import { randomFillSync } from "node:crypto";

const pool = Buffer.alloc(4_096);
let taken = pool.length;

/** A view that is overwritten later: to be used at once. */
export function drawRandomBytes(count: number): Buffer {
  if (taken + count > pool.length) {
    randomFillSync(pool);
    taken = 0;
  }
  const begin = taken;
  taken += count;
  return pool.subarray(begin, taken);
}
