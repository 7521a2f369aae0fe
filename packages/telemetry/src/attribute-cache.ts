// Attributes as they were written before. Most have one of few values, over and over (the server, the stream, the kind of
// operation): copying their bytes costs a third of writing them. Of the others, ids and counts, at least the key is the same.

import type { AttributeValue } from "@opentelemetry/api";

const maxKeys = 256;
/** A key with more values than this has ids or counts: nothing of it comes again. */
const maxValues = 32;
const maxTextLength = 128;

export interface AttributeWriting {
  writeKey(key: string): Uint8Array;
  writeAttribute(key: string, value: AttributeValue): Uint8Array;
}

/** What is known of one key. */
export interface KnownKey {
  readonly key: string;
  /** The key as a field of its attribute. */
  readonly keyBytes: Uint8Array;
  /** Whole attributes by their values; undefined where there are too many. */
  values: Map<AttributeValue, Uint8Array> | undefined;
}

export class AttributeCache {
  readonly #writing: AttributeWriting;
  readonly #keys = new Map<string, KnownKey>();

  constructor(writing: AttributeWriting) {
    this.#writing = writing;
  }

  /** Undefined for a key too many. */
  findKey(key: string): KnownKey | undefined {
    return this.#keys.get(key) ?? this.#addKey(key);
  }

  /** The bytes of an attribute whose value came before; undefined for one that is not worth keeping. */
  find(known: KnownKey, value: AttributeValue): Uint8Array | undefined {
    return known.values === undefined ? undefined : (known.values.get(value) ?? this.#add(known, known.values, value));
  }

  #addKey(key: string): KnownKey | undefined {
    if (this.#keys.size >= maxKeys) {
      return undefined;
    }
    const known: KnownKey = { key, keyBytes: this.#writing.writeKey(key), values: new Map() };
    this.#keys.set(key, known);
    return known;
  }

  #add(known: KnownKey, values: Map<AttributeValue, Uint8Array>, value: AttributeValue): Uint8Array | undefined {
    if (typeof value === "object" || (typeof value === "string" && value.length > maxTextLength)) {
      return undefined;
    }
    if (values.size >= maxValues) {
      known.values = undefined;
      return undefined;
    }
    const bytes = this.#writing.writeAttribute(known.key, value);
    values.set(value, bytes);
    return bytes;
  }
}
