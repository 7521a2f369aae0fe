// Strings, numbers and single values: bounds, patterns, formats.

import type { Rejection, RejectionRule } from "./rejections.ts";
import type { Alternative } from "./schema-alternatives.ts";
import { describeValue } from "./schema-description.ts";

type Keywords = { readonly [keyword: string]: unknown };
type NumberShape = Extract<Alternative, { kind: "number" | "integer" | "string" | "array" | "object" }>;

/** Rejects where the reader's bounds are tighter than the writer's. */
export function boundRejections(
  rule: RejectionRule,
  unit: string,
  writer: { readonly min?: number | undefined; readonly max?: number | undefined },
  reader: { readonly min?: number | undefined; readonly max?: number | undefined },
  pointer: string,
): Rejection[] {
  const rejections: Rejection[] = [];
  if (reader.min !== undefined && reader.min > 0 && (writer.min ?? 0) < reader.min) {
    rejections.push({
      rule,
      pointer,
      expected: `at least ${reader.min} ${unit}`,
      found: `at least ${writer.min ?? 0}`,
    });
  }
  if (reader.max !== undefined && (writer.max ?? Number.POSITIVE_INFINITY) > reader.max) {
    const found = writer.max === undefined ? "no limit" : `at most ${writer.max}`;
    rejections.push({ rule, pointer, expected: `at most ${reader.max} ${unit}`, found });
  }
  return rejections;
}

/** A keyword that has to be the same on both sides, because what it accepts cannot be compared. */
export function sameKeywordRejections(
  keyword: string,
  rule: RejectionRule,
  writer: Keywords,
  reader: Keywords,
  pointer: string,
): Rejection[] {
  const expected = reader[keyword];
  const found = writer[keyword];
  if (expected === undefined || JSON.stringify(expected) === JSON.stringify(found)) {
    return [];
  }
  const none = `no ${keyword}`;
  const say = (value: unknown) => (value === undefined ? none : `${keyword} ${describeValue(value)}`);
  return [{ rule, pointer, expected: say(expected), found: say(found) }];
}

export function stringRejections(writer: Keywords, reader: Keywords, pointer: string): Rejection[] {
  const lengths = (keywords: Keywords) => ({
    min: keywords["minLength"] as number | undefined,
    max: keywords["maxLength"] as number | undefined,
  });
  return [
    ...boundRejections("length-not-accepted", "characters", lengths(writer), lengths(reader), pointer),
    ...sameKeywordRejections("format", "format-not-accepted", writer, reader, pointer),
    ...sameKeywordRejections("pattern", "pattern-not-accepted", writer, reader, pointer),
    ...sameKeywordRejections("contentEncoding", "format-not-accepted", writer, reader, pointer),
    ...sameKeywordRejections("contentMediaType", "format-not-accepted", writer, reader, pointer),
    ...sameKeywordRejections("not", "not-comparable", writer, reader, pointer),
    ...sameKeywordRejections("if", "not-comparable", writer, reader, pointer),
  ];
}

interface Bound {
  readonly value: number;
  readonly exclusive: boolean;
}

export function numberRejections(writer: NumberShape, reader: NumberShape, pointer: string): Rejection[] {
  const rejections: Rejection[] = [];
  if (reader.kind === "integer" && writer.kind === "number" && !isWhole(writer.keywords["multipleOf"])) {
    rejections.push({ rule: "type-not-accepted", pointer, expected: "integer", found: "number" });
  }
  const lower = { writer: lowerBound(writer), reader: lowerBound(reader) };
  if (lower.reader !== undefined && !isWithin(lower.writer, lower.reader, 1)) {
    rejections.push(rangeRejection(pointer, lower.reader, lower.writer, ">"));
  }
  const upper = { writer: upperBound(writer), reader: upperBound(reader) };
  if (upper.reader !== undefined && !isWithin(upper.writer, upper.reader, -1)) {
    rejections.push(rangeRejection(pointer, upper.reader, upper.writer, "<"));
  }
  const { multipleOf: written } = writer.keywords;
  const { multipleOf: read } = reader.keywords;
  const isMultiple = written !== undefined && isWhole((written as number) / (read as number));
  const isWholeAnyway = writer.kind === "integer" && isWhole(1 / (read as number));
  if (read !== undefined && !isMultiple && !isWholeAnyway) {
    const found = written === undefined ? "any number" : `multiples of ${String(written)}`;
    rejections.push({ rule: "multiple-not-accepted", pointer, expected: `multiples of ${String(read)}`, found });
  }
  return [
    ...rejections,
    ...sameKeywordRejections("format", "format-not-accepted", writer.keywords, reader.keywords, pointer),
    ...sameKeywordRejections("not", "not-comparable", writer.keywords, reader.keywords, pointer),
    ...sameKeywordRejections("if", "not-comparable", writer.keywords, reader.keywords, pointer),
  ];
}

function isWhole(value: unknown): boolean {
  return Number.isInteger(value);
}

function lowerBound({ kind, keywords }: NumberShape): Bound | undefined {
  const { minimum, exclusiveMinimum } = keywords as { minimum?: number; exclusiveMinimum?: number };
  const isExclusive = exclusiveMinimum !== undefined && (minimum === undefined || exclusiveMinimum >= minimum);
  const value = isExclusive ? exclusiveMinimum : minimum;
  if (value === undefined) {
    return undefined;
  }
  return kind === "integer"
    ? { value: isExclusive ? Math.floor(value) + 1 : Math.ceil(value), exclusive: false }
    : { value, exclusive: isExclusive };
}

function upperBound({ kind, keywords }: NumberShape): Bound | undefined {
  const { maximum, exclusiveMaximum } = keywords as { maximum?: number; exclusiveMaximum?: number };
  const isExclusive = exclusiveMaximum !== undefined && (maximum === undefined || exclusiveMaximum <= maximum);
  const value = isExclusive ? exclusiveMaximum : maximum;
  if (value === undefined) {
    return undefined;
  }
  return kind === "integer"
    ? { value: isExclusive ? Math.ceil(value) - 1 : Math.floor(value), exclusive: false }
    : { value, exclusive: isExclusive };
}

/** `sign` 1 for lower bounds, -1 for upper ones. */
function isWithin(inner: Bound | undefined, outer: Bound, sign: 1 | -1): boolean {
  if (inner === undefined) {
    return false;
  }
  const distance = (inner.value - outer.value) * sign;
  return distance > 0 || (distance === 0 && (inner.exclusive || !outer.exclusive));
}

function rangeRejection(pointer: string, reader: Bound, writer: Bound | undefined, sign: "<" | ">"): Rejection {
  const say = ({ value, exclusive }: Bound) => `${sign}${exclusive ? "" : "="} ${value}`;
  const found = writer === undefined ? "no limit" : say(writer);
  return { rule: "range-not-accepted", pointer, expected: say(reader), found };
}

/** One value that the writer lists, against a reader that does not list values. */
export function literalRejections(value: unknown, reader: Alternative, pointer: string): Rejection[] {
  if (!("keywords" in reader)) {
    return [];
  }
  const { keywords } = reader;
  if (typeof value === "string") {
    const written = { minLength: value.length, maxLength: value.length, ...fittingPattern(value, keywords) };
    return named(value, stringRejections(written, keywords, pointer));
  }
  if (typeof value === "number") {
    const { multipleOf } = keywords as { multipleOf?: number };
    const isMultiple = multipleOf !== undefined && isWhole(value / multipleOf);
    const written = { minimum: value, maximum: value, ...(isMultiple && { multipleOf }) };
    const kind = isWhole(value) ? "integer" : "number";
    return named(value, numberRejections({ kind, keywords: written }, reader as NumberShape, pointer));
  }
  return typeof value === "boolean"
    ? []
    : [{ rule: "not-comparable", pointer, expected: reader.kind, found: describeValue(value) }];
}

function named(value: unknown, rejections: readonly Rejection[]): Rejection[] {
  return rejections.map((rejection) => ({ ...rejection, found: describeValue(value) }));
}

function fittingPattern(value: string, { pattern }: Keywords): Keywords {
  try {
    return typeof pattern === "string" && new RegExp(pattern, "u").test(value) ? { pattern } : {};
  } catch {
    return {};
  }
}
