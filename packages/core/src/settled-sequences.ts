// What this instance settled lately. An answer can get lost with a connection; then the message comes again although its
// work is done, and is answered again instead of handled again.

/** More than can be on its way to one subscription at a time. */
const capacity = 4_096;

export class SettledSequences {
  readonly #sequences = new Set<number>();
  readonly #ring = new Float64Array(capacity).fill(-1);
  #next = 0;

  add(sequence: number): void {
    this.#sequences.delete(this.#ring[this.#next] as number);
    this.#ring[this.#next] = sequence;
    this.#next = (this.#next + 1) % capacity;
    this.#sequences.add(sequence);
  }

  has(sequence: number): boolean {
    return this.#sequences.has(sequence);
  }

  clear(): void {
    this.#sequences.clear();
    this.#ring.fill(-1);
  }
}
