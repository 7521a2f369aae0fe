// The JSON Schema of what travels, brought into one form, so that only differences that mean something show.

import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";

/** JSON Schema, draft 2020-12. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

/** A version, as far as its schema can be described. */
export interface Describable {
  readonly schema: StandardSchemaV1;
  readonly jsonSchema?: { readonly [keyword: string]: unknown };
}

export type SchemaDescription = { readonly schema: JsonSchema } | { readonly problem: string };

export type SchemaDialect = "draft-2020-12" | "draft-07";

/**
 * What a publisher hands over and what travels: the schema's input. Asks the validator (Standard JSON Schema: Zod,
 * ArkType, Valibot through `toStandardJsonSchema`), unless the declaration gives a `jsonSchema` of its own.
 * @see https://standardschema.dev/json-schema
 */
export function describeSchema(version: Describable, dialect: SchemaDialect = "draft-2020-12"): SchemaDescription {
  if (version.jsonSchema !== undefined) {
    return { schema: version.jsonSchema };
  }
  const standard = version.schema["~standard"] as Partial<StandardJSONSchemaV1.Props>;
  if (standard.jsonSchema === undefined) {
    const remedy =
      standard.vendor === "valibot"
        ? "wrap it: toStandardJsonSchema(schema) from @valibot/to-json-schema"
        : "pass `jsonSchema` beside the schema";
    return { problem: `its ${standard.vendor ?? "schema"} schema gives no JSON Schema; ${remedy}` };
  }
  const known = descriptions[dialect].get(version.schema) ?? convert(standard.jsonSchema, dialect);
  descriptions[dialect].set(version.schema, known);
  return known;
}

/** Libraries take their time for each conversion. */
const descriptions: Readonly<Record<SchemaDialect, WeakMap<StandardSchemaV1, SchemaDescription>>> = {
  "draft-2020-12": new WeakMap(),
  "draft-07": new WeakMap(),
};

function convert(converter: StandardJSONSchemaV1.Converter, dialect: SchemaDialect): SchemaDescription {
  try {
    return { schema: converter.input({ target: dialect }) };
  } catch (error) {
    return { problem: `it has no JSON Schema: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** What says something to people or tools, and nothing about which data fits. */
const annotations: ReadonlySet<string> = new Set([
  "$schema",
  "$id",
  "$comment",
  "$anchor",
  "title",
  "description",
  "default",
  "examples",
  "example",
  "deprecated",
  "readOnly",
  "writeOnly",
  "~standard",
]);
/** Keywords whose values are maps from names to schemas: their names are data, not keywords. */
const maps: ReadonlySet<string> = new Set(["properties", "patternProperties", "$defs", "definitions"]);
const literals: ReadonlySet<string> = new Set(["const", "enum", "dependentRequired"]);

/** Without annotations, keys and sets sorted: what the lock file holds. */
export function normalizeSchema(schema: JsonSchema): JsonSchema {
  if (typeof schema === "boolean") {
    return schema;
  }
  if (isNever(schema)) {
    return false;
  }
  const kept = Object.entries(schema)
    .filter(
      ([keyword, value]) => !annotations.has(keyword) && !keyword.startsWith("x-") && !saysNothing(keyword, value),
    )
    .map(([keyword, value]) => [keyword, normalizeKeyword(keyword, value)] as const);
  return Object.fromEntries(sortEntries(kept));
}

/** `{ "not": {} }`: a property that is never there. */
function isNever({ not }: { readonly [keyword: string]: unknown }): boolean {
  return not === true || (typeof not === "object" && not !== null && Object.keys(not).length === 0);
}

/** Equal texts mean equal schemas, where neither refers to anything outside of itself. */
export function textOfSchema(schema: JsonSchema): string {
  return JSON.stringify(schema);
}

function normalizeKeyword(keyword: string, value: unknown): unknown {
  if (literals.has(keyword)) {
    return keyword === "enum" ? sortByText(value as unknown[]) : value;
  }
  if (maps.has(keyword)) {
    const named = Object.entries(value as Record<string, JsonSchema>);
    return Object.fromEntries(sortEntries(named.map(([name, schema]) => [name, normalizeSchema(schema)] as const)));
  }
  if ((keyword === "type" || keyword === "required") && Array.isArray(value)) {
    return sortByText(value);
  }
  if (Array.isArray(value)) {
    return value.map((item) => (isSchema(item) ? normalizeSchema(item) : item));
  }
  return isSchema(value) && typeof value === "object" ? normalizeSchema(value) : value;
}

/** The bounds of safe integers, which some libraries write out, and names of properties being strings. */
function saysNothing(keyword: string, value: unknown): boolean {
  return (
    (keyword === "minimum" && value === Number.MIN_SAFE_INTEGER) ||
    (keyword === "maximum" && value === Number.MAX_SAFE_INTEGER) ||
    (keyword === "propertyNames" && textOfSchema(value as JsonSchema) === '{"type":"string"}') ||
    (keyword === "required" && (value as unknown[]).length === 0)
  );
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "boolean" || (typeof value === "object" && value !== null && !Array.isArray(value));
}

function sortEntries<Value>(entries: readonly (readonly [string, Value])[]): (readonly [string, Value])[] {
  return entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function sortByText(values: readonly unknown[]): unknown[] {
  const keyed = values.map((value) => [JSON.stringify(value), value] as const);
  return keyed.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}
