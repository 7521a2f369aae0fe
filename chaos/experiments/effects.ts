// What handlers did, in one file that all workers append to: what is written there happened, whoever is killed next.

import { closeSync, createReadStream, openSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Item } from "@throughline/testing";

export interface Effect extends Item {
  readonly worker: string;
  readonly atMs: number;
  readonly latencyMs: number;
  readonly redelivered: boolean;
}

/** A line of the file at once, so that lines of several processes never mix. */
export class EffectsWriter {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  write({ key, n, worker, atMs, latencyMs, redelivered }: Effect): void {
    writeSync(this.#file, `${key} ${n} ${worker} ${atMs} ${latencyMs} ${redelivered ? 1 : 0}\n`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

/** In the order in which they happened. */
export async function* readEffects(path: string): AsyncGenerator<Effect> {
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const [key = "", n, worker = "", atMs, latencyMs, redelivered] = line.split(" ");
    yield {
      key,
      n: Number(n),
      worker,
      atMs: Number(atMs),
      latencyMs: Number(latencyMs),
      redelivered: redelivered === "1",
    };
  }
}

/** How many different events had their effect. */
export class EffectsCounter {
  readonly #path: string;
  readonly #seen = new Set<number>();
  #read = 0;

  constructor(path: string) {
    this.#path = path;
  }

  async count(): Promise<number> {
    let rest = "";
    for await (const chunk of createReadStream(this.#path, { start: this.#read, encoding: "utf8" })) {
      rest += chunk;
    }
    const end = rest.lastIndexOf("\n") + 1;
    this.#read += Buffer.byteLength(rest.slice(0, end));
    for (const line of rest.slice(0, end).split("\n")) {
      const n = line.split(" ", 2)[1];
      if (n !== undefined) {
        this.#seen.add(Number(n));
      }
    }
    return this.#seen.size;
  }
}
