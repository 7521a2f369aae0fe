// The event of conformance suite and simulation: a key that order is kept by, and a number. No schema library is needed.

import type { StandardSchemaV1 } from "@standard-schema/spec";
import { defineEvent, type EventContract } from "@throughline/contracts";

export interface Item {
  readonly key: string;
  readonly n: number;
}

export type ItemContract = EventContract<string, Item, Item>;

export const itemSchema: StandardSchemaV1<Item, Item> = {
  "~standard": {
    version: 1,
    vendor: "throughline",
    validate: (value) => {
      const { key, n } = (value ?? {}) as Partial<Item>;
      return typeof key === "string" && typeof n === "number"
        ? { value: { key, n } }
        : { issues: [{ message: "expected { key: string, n: number }" }] };
    },
  },
};

export function defineItem(type: `${string}.${string}`): ItemContract {
  return defineEvent(type, { key: (item: Item) => item.key }).version(1, itemSchema);
}
