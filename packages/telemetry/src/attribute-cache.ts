// Attributes as they were written before. Most have one of few values, over and over (the server, the stream, the kind of
// operation): copying their bytes costs a third of writing them.

import type { AttributeValue } from "@opentelemetry/api";

const maxKeys = 256;
/** A key with more values than this has ids or counts: nothing of it comes again. */
const maxValues = 32;
const maxTextLength = 128;

export class AttributeCache {
  readonly #write: (key: string, value: AttributeValue) => Uint8Array;
  readonly #keys = new Map<string, Map<AttributeValue, Uint8Array> | "has too many values">();

  constructor(write: (key: string, value: AttributeValue) => Uint8Array) {
    this.#write = write;
  }

  /** The bytes of an attribute whose value came before; undefined for one that is not worth keeping. */
  find(key: string, value: AttributeValue): Uint8Array | undefined {
    const values = this.#keys.get(key) ?? this.#addKey(key);
    if (typeof values !== "object") {
      return undefined;
    }
    return values.get(value) ?? this.#add(key, values, value);
  }

  #addKey(key: string): Map<AttributeValue, Uint8Array> | undefined {
    if (this.#keys.size >= maxKeys) {
      return undefined;
    }
    const values = new Map<AttributeValue, Uint8Array>();
    this.#keys.set(key, values);
    return values;
  }

  #add(key: string, values: Map<AttributeValue, Uint8Array>, value: AttributeValue): Uint8Array | undefined {
    if (typeof value === "object" || (typeof value === "string" && value.length > maxTextLength)) {
      return undefined;
    }
    if (values.size >= maxValues) {
      this.#keys.set(key, "has too many values");
      return undefined;
    }
    const bytes = this.#write(key, value);
    values.set(value, bytes);
    return bytes;
  }
}
