// One link in the chain of versions of an event.

import type { StandardSchemaV1 } from "@standard-schema/spec";

/** One version of an event: its schema, and how its data is made out of the version before, and back. */
export interface EventVersion {
  readonly version: number;
  readonly schema: StandardSchemaV1;
  readonly upcast?: (previous: never) => unknown;
  readonly downcast?: (data: never) => unknown;
  readonly examples?: readonly unknown[];
  /** Stands in for a schema whose library gives none. */
  readonly jsonSchema?: { readonly [keyword: string]: unknown };
}
