// What this instance settled lately. An answer can get lost with a connection; then the message comes again although its
// work is done, and is answered again instead of handled again.

/** More than can be on its way to one subscription at a time. */
const generationSize = 4_096;

/** Remembers between one and two generations: the older one is let go as a whole, which costs nothing per message. */
export class SettledSequences {
  #newer = new Set<number>();
  #older = new Set<number>();

  add(sequence: number): void {
    if (this.#newer.size >= generationSize) {
      this.#older = this.#newer;
      this.#newer = new Set();
    }
    this.#newer.add(sequence);
  }

  has(sequence: number): boolean {
    return this.#newer.has(sequence) || this.#older.has(sequence);
  }

  clear(): void {
    this.#newer.clear();
    this.#older.clear();
  }
}
