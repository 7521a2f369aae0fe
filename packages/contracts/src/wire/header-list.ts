// The headers of one message as two short lists: made and read for every event, so cheaper than a Map.

import type { WireHeaders } from "./wire-message.ts";

export class HeaderList implements WireHeaders {
  #names: readonly string[];
  readonly #values: string[];

  /** `names` may be shared by many lists; it is copied before it is added to. */
  constructor(names: readonly string[] = [], values: string[] = []) {
    this.#names = names;
    this.#values = values;
  }

  get size(): number {
    return this.#values.length;
  }

  get(name: string): string | undefined {
    const index = this.#names.indexOf(name);
    return index < 0 ? undefined : this.#values[index];
  }

  has(name: string): boolean {
    return this.#names.includes(name);
  }

  set(name: string, value: string): this {
    const index = this.#names.indexOf(name);
    if (index >= 0) {
      this.#values[index] = value;
    } else {
      this.#names = [...this.#names, name];
      this.#values.push(value);
    }
    return this;
  }

  forEach(visit: (value: string, name: string) => void): void {
    for (let index = 0; index < this.#values.length; index++) {
      visit(this.#values[index] as string, this.#names[index] as string);
    }
  }

  *[Symbol.iterator](): MapIterator<[string, string]> {
    for (let index = 0; index < this.#values.length; index++) {
      yield [this.#names[index] as string, this.#values[index] as string];
    }
  }
}
