// What data of a version looks like: what the declaration shows, or else a sample that the schema accepts.

import { describeSchema } from "../compatibility/json-schema.ts";
import { sampleOf } from "../compatibility/schema-samples.ts";
import type { EventVersion } from "../declaration/event-version.ts";

/** Undefined where nothing that fits can be made up: a pattern, or a rule that JSON Schema does not show. */
export async function exampleOf(version: EventVersion): Promise<unknown> {
  const [declared] = version.examples ?? [];
  if (declared !== undefined) {
    return declared;
  }
  const described = describeSchema(version);
  if ("problem" in described) {
    return undefined;
  }
  const sample = sampleOf(described.schema);
  const result = await version.schema["~standard"].validate(sample);
  return result.issues === undefined ? sample : undefined;
}
