// One JSON Schema file for each version of each event, for validators and generators of other languages.

import type { DeclaredEvent } from "../compatibility/declared-system.ts";
import { describeSchema } from "../compatibility/json-schema.ts";

/** Contents by path, `schemas/orders.placed.v2.json`; draft 2020-12. */
export function createSchemaFiles(events: readonly DeclaredEvent[]): ReadonlyMap<string, string> {
  return new Map(
    events.flatMap(({ type, contract }) =>
      contract.versions.flatMap((version) => {
        const described = describeSchema(version);
        if ("problem" in described || typeof described.schema === "boolean") {
          return [];
        }
        const { $schema = "https://json-schema.org/draft/2020-12/schema", ...schema } = described.schema;
        const title = `${type}, version ${version.version}`;
        const description = contract.description === undefined ? undefined : { description: contract.description };
        const file = { $schema, title, ...description, ...schema };
        return [[`schemas/${type}.v${version.version}.json`, `${JSON.stringify(file, undefined, 2)}\n`] as const];
      }),
    ),
  );
}
