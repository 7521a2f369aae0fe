// Unions of objects that one property tells apart: each value of it belongs to one branch.

import type { JsonSchema } from "./json-schema.ts";
import type { Comparison } from "./rejections.ts";
import { type Alternative, alternativesOf } from "./schema-alternatives.ts";

type ObjectAlternative = Extract<Alternative, { keywords: unknown }>;

function isObject(alternative: Alternative): alternative is ObjectAlternative {
  return alternative.kind === "object";
}

/** The property by which all objects of a union are told apart: required in each, with listed values only. */
export function discriminatorOf(readers: readonly Alternative[]): string | undefined {
  const objects = readers.filter(isObject);
  const [first] = objects;
  if (first === undefined || objects.length < 2) {
    return undefined;
  }
  return Object.keys(propertiesOf(first)).find((name) => objects.every((object) => isListedProperty(object, name)));
}

function isListedProperty(object: ObjectAlternative, name: string): boolean {
  const { keywords } = object;
  const schema = (keywords["properties"] as Record<string, JsonSchema> | undefined)?.[name];
  const isRequired = ((keywords["required"] as readonly string[] | undefined) ?? []).includes(name);
  return isRequired && typeof schema === "object" && ("const" in schema || "enum" in schema);
}

function propertiesOf({ keywords }: ObjectAlternative): Readonly<Record<string, JsonSchema>> {
  return (keywords["properties"] as Record<string, JsonSchema> | undefined) ?? {};
}

/** One shape for each value that the discriminator may have, so that each finds its branch. */
export function splitBy(writer: Alternative, name: string, root: JsonSchema): readonly Alternative[] {
  if (!isObject(writer)) {
    return [writer];
  }
  const properties = propertiesOf(writer);
  const schema = properties[name];
  const values = schema === undefined ? [] : alternativesOf({ schema, root });
  if (values.length < 2 || !values.every(({ kind }) => kind === "literal")) {
    return [writer];
  }
  return values.map((value) => ({
    kind: "object",
    keywords: {
      ...writer.keywords,
      properties: { ...properties, [name]: { const: (value as { value: unknown }).value } },
    },
  }));
}

export function valuesOf(object: Alternative, name: string, root: JsonSchema): readonly Alternative[] {
  const schema = isObject(object) ? propertiesOf(object)[name] : undefined;
  return schema === undefined ? [] : alternativesOf({ schema, root });
}

export function sharesValue(writer: Alternative, reader: Alternative, name: string, comparison: Comparison): boolean {
  const written = valuesOf(writer, name, comparison.writerRoot);
  const read = new Set(valuesOf(reader, name, comparison.readerRoot).map((value) => JSON.stringify(value)));
  return written.length === 0 || written.some((value) => value.kind !== "literal" || read.has(JSON.stringify(value)));
}
