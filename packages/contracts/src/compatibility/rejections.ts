// Whether a reader accepts whatever a writer may write, and if not, why. The writer is closed: it writes what its schema
// names and nothing else. The reader is open: it ignores what it does not know, unless its schema forbids that.
// Sound: what cannot be decided is rejected, so "no rejection" can be relied on.

import { arrayRejections } from "./array-rejections.ts";
import { discriminatorOf, sharesValue, splitBy, valuesOf } from "./discriminated-union.ts";
import { type JsonSchema, textOfSchema } from "./json-schema.ts";
import { objectRejections } from "./object-rejections.ts";
import { literalRejections, numberRejections, stringRejections } from "./scalar-rejections.ts";
import {
  type Alternative,
  alternativesOf,
  followReference,
  type SchemaNode,
  SchemaTooIntricateError,
} from "./schema-alternatives.ts";
import { describeAlternatives, describeValue } from "./schema-description.ts";

/** What a reader does not accept; the ids never change. */
export type RejectionRule =
  | "type-not-accepted"
  | "null-not-accepted"
  | "value-not-accepted"
  | "property-missing"
  | "property-not-accepted"
  | "length-not-accepted"
  | "range-not-accepted"
  | "multiple-not-accepted"
  | "pattern-not-accepted"
  | "format-not-accepted"
  | "size-not-accepted"
  | "duplicates-not-accepted"
  | "not-comparable";

export interface Rejection {
  readonly rule: RejectionRule;
  /** JSON Pointer into the data; `*` stands for every element or every further property. */
  readonly pointer: string;
  /** What the reader accepts. */
  readonly expected: string;
  /** What the writer may write. */
  readonly found: string;
}

/** Compares the nodes below; passed down so that the kinds need not know each other. */
export type CompareNodes = (writer: SchemaNode, reader: SchemaNode, pointer: string) => readonly Rejection[];

/** Everything that the writer may write and the reader does not accept; empty when the reader accepts it all. */
export function findRejections(writer: JsonSchema, reader: JsonSchema): readonly Rejection[] {
  const underWay = new Map<JsonSchema, Set<JsonSchema>>();
  const compare: CompareNodes = (written, read, pointer) => {
    const writing = followReference(written);
    const reading = followReference(read);
    if (isSameText(writing, reading)) {
      return [];
    }
    const assumed = underWay.get(writing.schema) ?? new Set();
    // A recursive schema: what is asked again while it is being answered adds nothing.
    if (assumed.has(reading.schema)) {
      return [];
    }
    underWay.set(writing.schema, assumed.add(reading.schema));
    const rejections = compareAlternatives(alternativesOf(writing), alternativesOf(reading), {
      compare,
      writerRoot: writing.root,
      readerRoot: reading.root,
      pointer,
    });
    assumed.delete(reading.schema);
    return rejections;
  };
  try {
    return mergeRejections(compare({ schema: writer, root: writer }, { schema: reader, root: reader }, ""));
  } catch (error) {
    if (error instanceof SchemaTooIntricateError) {
      return [{ rule: "not-comparable", pointer: "", expected: "the same schema", found: error.message }];
    }
    throw error;
  }
}

/** What comparing two shapes needs to know. */
export interface Comparison {
  readonly compare: CompareNodes;
  readonly writerRoot: JsonSchema;
  readonly readerRoot: JsonSchema;
  readonly pointer: string;
}

/** A text with references means something else in another document. */
function isSameText(writer: SchemaNode, reader: SchemaNode): boolean {
  const text = textOfSchema(writer.schema);
  const isSelfContained = !text.includes('"$ref"') || textOfSchema(writer.root) === textOfSchema(reader.root);
  return isSelfContained && text === textOfSchema(reader.schema);
}

function compareAlternatives(
  writers: readonly Alternative[],
  readers: readonly Alternative[],
  comparison: Comparison,
): readonly Rejection[] {
  const discriminator = discriminatorOf(readers);
  const spelledOut =
    discriminator === undefined
      ? writers
      : writers.flatMap((writer) => splitBy(writer, discriminator, comparison.writerRoot));
  const listed = new Set(readers.flatMap((reader) => (reader.kind === "literal" ? [textOf(reader.value)] : [])));
  return spelledOut
    .filter((writer) => writer.kind !== "literal" || !listed.has(textOf(writer.value)))
    .flatMap((writer) => rejectionsOf(writer, readers, discriminator, comparison));
}

/** Nothing when one reader accepts the shape; else the reasons of the reader that comes nearest. */
function rejectionsOf(
  writer: Alternative,
  readers: readonly Alternative[],
  discriminator: string | undefined,
  comparison: Comparison,
): readonly Rejection[] {
  const comparable = readers.filter((reader) => isComparable(writer, reader));
  const branches =
    discriminator === undefined || writer.kind !== "object"
      ? comparable
      : comparable.filter((reader) => sharesValue(writer, reader, discriminator, comparison));
  if (discriminator !== undefined && writer.kind === "object" && branches.length === 0) {
    return [unknownBranch(writer, comparable, discriminator, comparison)];
  }
  let nearest: readonly Rejection[] | undefined;
  for (const reader of branches) {
    const rejections = compareShapes(writer, reader, comparison);
    if (rejections.length === 0) {
      return [];
    }
    nearest = nearest === undefined || rejections.length < nearest.length ? rejections : nearest;
  }
  if (nearest !== undefined && !(writer.kind === "literal" && branches.every(({ kind }) => kind === "literal"))) {
    return nearest;
  }
  return [wrongKind(writer, readers, comparison.pointer)];
}

function isComparable(writer: Alternative, reader: Alternative): boolean {
  if (writer.kind === "literal") {
    return reader.kind === "literal" || reader.kind === kindOfValue(writer.value) || isIntegerReader(writer, reader);
  }
  if (reader.kind === "literal") {
    return false;
  }
  return (
    writer.kind === reader.kind ||
    (writer.kind === "integer" && reader.kind === "number") ||
    (writer.kind === "number" && reader.kind === "integer")
  );
}

function isIntegerReader(writer: { readonly value: unknown }, reader: Alternative): boolean {
  return reader.kind === "integer" && Number.isInteger(writer.value);
}

function kindOfValue(value: unknown): string {
  return Array.isArray(value) ? "array" : typeof value;
}

function compareShapes(writer: Alternative, reader: Alternative, comparison: Comparison): readonly Rejection[] {
  if (writer.kind === "null" || reader.kind === "null") {
    return [];
  }
  if (writer.kind === "literal") {
    return reader.kind === "literal"
      ? textOf(writer.value) === textOf(reader.value)
        ? []
        : [
            {
              ...valueRejection(comparison.pointer),
              expected: describeValue(reader.value),
              found: describeValue(writer.value),
            },
          ]
      : literalRejections(writer.value, reader, comparison.pointer);
  }
  if (reader.kind === "literal") {
    return [];
  }
  const { keywords: writing } = writer;
  const { keywords: reading } = reader;
  switch (writer.kind) {
    case "string":
      return stringRejections(writing, reading, comparison.pointer);
    case "array":
      return arrayRejections(writing, reading, comparison);
    case "object":
      return objectRejections(writing, reading, comparison);
    default:
      return numberRejections(writer, reader as typeof writer, comparison.pointer);
  }
}

function wrongKind(writer: Alternative, readers: readonly Alternative[], pointer: string): Rejection {
  const expected = describeAlternatives(readers);
  const found = describeAlternatives([writer]);
  if (writer.kind === "null") {
    return { rule: "null-not-accepted", pointer, expected, found };
  }
  const kind = writer.kind === "literal" ? kindOfValue(writer.value) : writer.kind.replace("integer", "number");
  const isListed = readers.some((reader) => reader.kind === "literal" && kindOfValue(reader.value) === kind);
  return { rule: isListed ? "value-not-accepted" : "type-not-accepted", pointer, expected, found };
}

function valueRejection(pointer: string) {
  return { rule: "value-not-accepted", pointer } as const;
}

function unknownBranch(
  writer: Alternative,
  readers: readonly Alternative[],
  name: string,
  { writerRoot, readerRoot, pointer }: Comparison,
): Rejection {
  return {
    ...valueRejection(`${pointer}/${name}`),
    expected: describeAlternatives(readers.flatMap((reader) => valuesOf(reader, name, readerRoot))),
    found: describeAlternatives(valuesOf(writer, name, writerRoot)),
  };
}

function textOf(value: unknown): string {
  return JSON.stringify(value);
}

/** One for each place and rule, however many shapes led to it. */
function mergeRejections(rejections: readonly Rejection[]): readonly Rejection[] {
  const merged = new Map<string, Rejection>();
  for (const rejection of rejections) {
    const place = `${rejection.rule} ${rejection.pointer} ${rejection.expected}`;
    const present = merged.get(place);
    const isNew = present === undefined || !present.found.split(", ").includes(rejection.found);
    if (isNew) {
      merged.set(
        place,
        present === undefined ? rejection : { ...present, found: `${present.found}, ${rejection.found}` },
      );
    }
  }
  return [...merged.values()];
}
