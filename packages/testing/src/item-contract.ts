// The event of conformance suite and simulation: a key that order is kept by, and a number. No schema library is needed.

import type { StandardSchemaV1 } from "@standard-schema/spec";
import { defineEvent, type EventContract, type EventOptions } from "@throughline/contracts";

export interface Item {
  readonly key: string;
  readonly n: number;
}

export type ItemContract = EventContract<string, Item, Item>;

/** The same event after it has evolved. */
export interface MeasuredItem extends Item {
  readonly unit: string;
}

export const itemSchema: StandardSchemaV1<Item, Item> = createSchema("{ key: string, n: number }", (value) => {
  const { key, n } = (value ?? {}) as Partial<Item>;
  return typeof key === "string" && typeof n === "number" ? { key, n } : undefined;
});

const measuredSchema: StandardSchemaV1<MeasuredItem, MeasuredItem> = createSchema(
  "{ key: string, n: number, unit: string }",
  (value) => {
    const { key, n, unit } = (value ?? {}) as Partial<MeasuredItem>;
    const fits = typeof key === "string" && typeof n === "number" && typeof unit === "string";
    return fits ? { key, n, unit } : undefined;
  },
);

export function defineItem(
  type: `${string}.${string}`,
  options: Pick<EventOptions<Item>, "schedulable"> = {},
): ItemContract {
  return defineEvent(type, { key: (item: Item) => item.key, ...options }).version(1, itemSchema);
}

/** The declaration of an item as a later deployment has it: with a version 2. */
export function defineMeasuredItem<const Type extends `${string}.${string}`>(
  type: Type,
): EventContract<Type, MeasuredItem, MeasuredItem> {
  return defineEvent(type, { key: (item: Item) => item.key })
    .version(1, itemSchema)
    .version(2, measuredSchema, {
      upcast: (item) => ({ ...item, unit: "piece" }),
      downcast: ({ key, n }) => ({ key, n }),
    });
}

function createSchema<Data>(
  expected: string,
  read: (value: unknown) => Data | undefined,
): StandardSchemaV1<Data, Data> {
  return {
    "~standard": {
      version: 1,
      vendor: "throughline",
      validate: (value) => {
        const data = read(value);
        return data === undefined ? { issues: [{ message: `expected ${expected}` }] } : { value: data };
      },
    },
  };
}
