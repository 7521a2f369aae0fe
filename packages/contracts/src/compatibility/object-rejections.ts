// Objects: what the reader requires, what it forbids, and what both know.

import type { JsonSchema } from "./json-schema.ts";
import type { Comparison, Rejection } from "./rejections.ts";
import { boundRejections, sameKeywordRejections } from "./scalar-rejections.ts";
import { alternativesOf } from "./schema-alternatives.ts";
import { describeAlternatives } from "./schema-description.ts";

type Keywords = { readonly [keyword: string]: unknown };

interface ObjectShape {
  readonly properties: Readonly<Record<string, JsonSchema>>;
  readonly patterns: Readonly<Record<string, JsonSchema>>;
  readonly required: ReadonlySet<string>;
  /** Undefined: nothing is said about further properties. */
  readonly additional: JsonSchema | undefined;
}

export function objectRejections(writing: Keywords, reading: Keywords, comparison: Comparison): readonly Rejection[] {
  const { compare, writerRoot, readerRoot, pointer } = comparison;
  const writer = readShape(writing);
  const reader = readShape(reading);
  const compareProperty = (written: JsonSchema, read: JsonSchema, name: string) =>
    compare({ schema: written, root: writerRoot }, { schema: read, root: readerRoot }, `${pointer}/${name}`);
  // A closed writer writes what it names. Only one that says so, as a record does, writes more.
  const further = writer.additional === false ? undefined : writer.additional;

  const rejections: Rejection[] = [];
  for (const name of reader.required) {
    if (!writer.required.has(name)) {
      rejections.push(missing(name, name in writer.properties ? "optional" : "never written", comparison, reader));
    }
  }
  for (const [name, written] of Object.entries(writer.properties)) {
    const read = reader.properties[name] ?? reader.additional;
    const isWritten = alternativesOf({ schema: written, root: writerRoot }).length > 0;
    if (read === false && isWritten) {
      rejections.push(forbidden(`${pointer}/${escapeName(name)}`));
    } else if (read !== undefined && isWritten) {
      rejections.push(...compareProperty(written, read, escapeName(name)));
    }
  }
  if (further !== undefined) {
    for (const [name, read] of Object.entries(reader.properties)) {
      if (!(name in writer.properties)) {
        rejections.push(...compareProperty(further, read, escapeName(name)));
      }
    }
    if (reader.additional === false) {
      rejections.push(forbidden(`${pointer}/*`));
    } else if (reader.additional !== undefined) {
      rejections.push(...compareProperty(further, reader.additional, "*"));
    }
  }
  for (const [pattern, written] of Object.entries(writer.patterns)) {
    rejections.push(...patternRejections(pattern, written, writer, reader, comparison));
  }
  return [...rejections, ...constraintRejections(writing, reading, writer, further, comparison)];
}

/** Properties that the writer names by a pattern only. */
function patternRejections(
  pattern: string,
  written: JsonSchema,
  writer: ObjectShape,
  reader: ObjectShape,
  { compare, writerRoot, readerRoot, pointer }: Comparison,
): readonly Rejection[] {
  const compareWith = (read: JsonSchema, place: string) =>
    compare({ schema: written, root: writerRoot }, { schema: read, root: readerRoot }, `${pointer}/${place}`);
  const named = Object.entries(reader.properties).filter(
    ([name]) => !(name in writer.properties) && fits(name, pattern),
  );
  const others = reader.patterns[pattern] ?? reader.additional;
  return [
    ...named.flatMap(([name, read]) => compareWith(read, escapeName(name))),
    ...(others === undefined ? [] : others === false ? [forbidden(`${pointer}/*`)] : compareWith(others, "*")),
  ];
}

/** A pattern that cannot be tried may fit. */
function fits(name: string, pattern: string): boolean {
  try {
    return new RegExp(pattern, "u").test(name);
  } catch {
    return true;
  }
}

function constraintRejections(
  writing: Keywords,
  reading: Keywords,
  writer: ObjectShape,
  further: JsonSchema | undefined,
  { compare, writerRoot, readerRoot, pointer }: Comparison,
): readonly Rejection[] {
  const bounds = (keywords: Keywords) => ({
    min: keywords["minProperties"] as number | undefined,
    max: keywords["maxProperties"] as number | undefined,
  });
  const written = bounds(writing);
  const named = Object.keys(writer.properties).length;
  const isListed = further === undefined && Object.keys(writer.patterns).length === 0;
  const counted = {
    min: Math.max(written.min ?? 0, writer.required.size),
    max: written.max ?? (isListed ? named : undefined),
  };
  const names = reading["propertyNames"] as JsonSchema | undefined;
  const writtenNames: JsonSchema = isListed
    ? { enum: Object.keys(writer.properties) }
    : ((writing["propertyNames"] as JsonSchema) ?? { type: "string" });
  return [
    ...boundRejections("size-not-accepted", "properties", counted, bounds(reading), pointer),
    ...(names === undefined
      ? []
      : compare({ schema: writtenNames, root: writerRoot }, { schema: names, root: readerRoot }, `${pointer}/*`)),
    ...["patternProperties", "dependentRequired", "dependentSchemas", "unevaluatedProperties", "not", "if"].flatMap(
      (keyword) => sameKeywordRejections(keyword, "not-comparable", writing, reading, pointer),
    ),
  ];
}

function readShape(keywords: Keywords): ObjectShape {
  return {
    properties: (keywords["properties"] as Record<string, JsonSchema> | undefined) ?? {},
    patterns: (keywords["patternProperties"] as Record<string, JsonSchema> | undefined) ?? {},
    required: new Set((keywords["required"] as readonly string[] | undefined) ?? []),
    additional: keywords["additionalProperties"] as JsonSchema | undefined,
  };
}

function missing(name: string, found: string, { pointer, readerRoot }: Comparison, reader: ObjectShape): Rejection {
  const schema = reader.properties[name] ?? true;
  const expected = `required ${describeAlternatives(alternativesOf({ schema, root: readerRoot }))}`;
  return { rule: "property-missing", pointer: `${pointer}/${escapeName(name)}`, expected, found };
}

function forbidden(pointer: string): Rejection {
  return { rule: "property-not-accepted", pointer, expected: "no such property", found: "written" };
}

function escapeName(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
