// A schema as the list of simple shapes that its data may have: unions spelled out, references followed, parts merged.
// Comparing two schemas is then comparing shapes, one kind at a time.

import type { JsonSchema } from "./json-schema.ts";

type Keywords = { readonly [keyword: string]: unknown };

/** One shape. A boolean is two literals. */
export type Alternative =
  | { readonly kind: "literal"; readonly value: unknown }
  | { readonly kind: "null" }
  | {
      readonly kind: "string" | "number" | "integer" | "array" | "object";
      readonly keywords: Keywords;
    };

/** A schema with the document that its references point into. */
export interface SchemaNode {
  readonly schema: JsonSchema;
  readonly root: JsonSchema;
}

const everyKind = ["null", "boolean", "string", "number", "array", "object"] as const;
/** Parts that multiply out to more than this are not spelled out. */
const maxBranches = 5_000;

/** A schema that cannot be spelled out: its parts multiply, or refer to each other without end. */
export class SchemaTooIntricateError extends Error {
  override readonly name = "SchemaTooIntricateError";
}

const known = new WeakMap<object, readonly Alternative[]>();

/** @throws SchemaTooIntricateError */
export function alternativesOf({ schema, root }: SchemaNode): readonly Alternative[] {
  if (typeof schema === "boolean") {
    return schema ? everyKind.flatMap((kind) => ofKind(kind, {})) : [];
  }
  const found = known.get(schema) ?? distinct(expand(schema, { root, path: new Set() }));
  known.set(schema, found);
  return found;
}

interface Expansion {
  readonly root: JsonSchema;
  /** References on the way here. One that leads back to itself adds nothing to a union. */
  readonly path: ReadonlySet<string>;
}

function expand(schema: JsonSchema, expansion: Expansion): Alternative[] {
  if (typeof schema === "boolean") {
    return schema ? everyKind.flatMap((kind) => ofKind(kind, {})) : [];
  }
  const { root, path } = expansion;
  const { $ref, anyOf, oneOf, ...own } = mergeAllOf(schema, root, 0);
  if (typeof $ref === "string") {
    return path.has($ref)
      ? []
      : expand(mergeKeywords(resolveReference($ref, root), own), { root, path: new Set(path).add($ref) });
  }
  const branches = (anyOf ?? oneOf) as readonly JsonSchema[] | undefined;
  if (branches !== undefined) {
    return branches.flatMap((branch) => expand(mergeKeywords(branch, own), expansion));
  }
  return ofKeywords(own);
}

function ofKeywords(keywords: Keywords): Alternative[] {
  const { const: constant, enum: values, type } = keywords;
  const kinds = type === undefined ? everyKind : Array.isArray(type) ? (type as string[]) : [type as string];
  if ("const" in keywords || values !== undefined) {
    const all = "const" in keywords ? [constant] : (values as unknown[]);
    return all.filter((value) => type === undefined || kinds.some((kind) => isOfKind(value, kind))).map(literalOf);
  }
  return kinds.flatMap((kind) => ofKind(kind, keywords));
}

function ofKind(kind: string, keywords: Keywords): Alternative[] {
  if (kind === "boolean") {
    return [literalOf(false), literalOf(true)];
  }
  return kind === "null" ? [{ kind }] : [{ kind: kind as "string", keywords }];
}

function literalOf(value: unknown): Alternative {
  return value === null ? { kind: "null" } : { kind: "literal", value };
}

function isOfKind(value: unknown, kind: string): boolean {
  switch (kind) {
    case "null":
      return value === null;
    case "integer":
      return Number.isInteger(value);
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    default:
      return typeof value === kind;
  }
}

function distinct(alternatives: readonly Alternative[]): Alternative[] {
  return [...new Map(alternatives.map((alternative) => [JSON.stringify(alternative), alternative])).values()];
}

/** The schema that a node stands for, when it is nothing but a reference. */
export function followReference(node: SchemaNode): SchemaNode {
  const { schema, root } = node;
  const isReference =
    typeof schema === "object" && Object.keys(schema).length === 1 && typeof schema["$ref"] === "string";
  return isReference ? { schema: resolveReference(schema["$ref"] as string, root), root } : node;
}

/** References stay inside of the document; one that leads nowhere accepts anything. */
function resolveReference(reference: string, root: JsonSchema): JsonSchema {
  let target: unknown = root;
  for (const part of reference.replace(/^#\/?/, "").split("/")) {
    if (part !== "") {
      const name = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
      target = (target as Record<string, unknown> | undefined)?.[name];
    }
  }
  return (target ?? true) as JsonSchema;
}

function mergeAllOf(schema: Keywords, root: JsonSchema, depth: number): Keywords {
  const { allOf, ...own } = schema;
  if (allOf === undefined) {
    return own;
  }
  if (depth > 64) {
    throw new SchemaTooIntricateError("Its parts refer to each other without end.");
  }
  const resolve = (part: JsonSchema): JsonSchema =>
    typeof part === "object" && typeof part["$ref"] === "string" ? resolveReference(part["$ref"], root) : part;
  const merged = (allOf as JsonSchema[]).map(resolve).reduce<JsonSchema>((all, part) => mergeKeywords(part, all), own);
  return typeof merged === "boolean" ? (merged ? {} : { enum: [] }) : mergeAllOf(merged, root, depth + 1);
}

/** Both hold. What cannot be put into one keyword stays beside it as a constraint that is compared as it stands. */
function mergeKeywords(one: JsonSchema, other: JsonSchema): JsonSchema {
  if (typeof one === "boolean") {
    return one ? other : false;
  }
  if (typeof other === "boolean") {
    return other ? one : false;
  }
  const merged: Record<string, unknown> = { ...one };
  for (const [keyword, value] of Object.entries(other)) {
    const present = merged[keyword];
    merged[keyword] = present === undefined ? value : mergeValues(keyword, present, value);
  }
  return merged;
}

const tightest: Readonly<Record<string, (a: number, b: number) => number>> = {
  minimum: Math.max,
  exclusiveMinimum: Math.max,
  minLength: Math.max,
  minItems: Math.max,
  minProperties: Math.max,
  maximum: Math.min,
  exclusiveMaximum: Math.min,
  maxLength: Math.min,
  maxItems: Math.min,
  maxProperties: Math.min,
};

function mergeValues(keyword: string, one: unknown, other: unknown): unknown {
  const choose = tightest[keyword];
  if (choose !== undefined) {
    return choose(one as number, other as number);
  }
  if (keyword === "required") {
    return [...new Set([...(one as string[]), ...(other as string[])])].toSorted();
  }
  if (keyword === "properties") {
    const properties: Record<string, JsonSchema> = { ...(one as Record<string, JsonSchema>) };
    for (const [name, schema] of Object.entries(other as Record<string, JsonSchema>)) {
      properties[name] = name in properties ? { allOf: [properties[name] as JsonSchema, schema] } : schema;
    }
    return properties;
  }
  if (keyword === "type") {
    const types = [other].flat();
    return [one].flat().filter((type) => types.includes(type) || (type === "integer" && types.includes("number")));
  }
  if (keyword === "anyOf" || keyword === "oneOf") {
    const branches = other as JsonSchema[];
    if ((one as JsonSchema[]).length * branches.length > maxBranches) {
      throw new SchemaTooIntricateError(`Its unions multiply out to more than ${maxBranches} branches.`);
    }
    return (one as JsonSchema[]).flatMap((a) => branches.map((b) => mergeKeywords(a, b)));
  }
  if (keyword === "additionalProperties" && (one === false || other === false)) {
    return false;
  }
  return JSON.stringify(one) === JSON.stringify(other) ? one : { allOf: [one, other] };
}
