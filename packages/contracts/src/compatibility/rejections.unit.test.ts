import { describe, expect, test } from "vitest";
import { type JsonSchema, normalizeSchema } from "./json-schema.ts";
import { findRejections } from "./rejections.ts";
import { samplesOf } from "./schema-samples.ts";

function verdict(writer: JsonSchema, reader: JsonSchema): string[] {
  return findRejections(normalizeSchema(writer), normalizeSchema(reader)).map(
    ({ rule, pointer }) => `${rule} ${pointer}`,
  );
}

const string = { type: "string" };
const number = { type: "number" };
const object = (properties: object, further: object = {}) => ({ type: "object", properties, ...further });

describe("comparing what one may write with what another accepts", () => {
  test("goes through references, wherever they are", () => {
    const direct = object({ a: object({ b: string }) });
    const referring = {
      ...object({ a: { $ref: "#/$defs/A" } }),
      $defs: { A: object({ b: { $ref: "#/$defs/B" } }), B: string },
    };
    expect(verdict(direct, referring)).toEqual([]);
    expect(verdict(referring, direct)).toEqual([]);
    expect(verdict(referring, object({ a: object({ b: number }) }))).toEqual(["type-not-accepted /a/b"]);
    expect(verdict({ $ref: "#/$defs/a~1b", $defs: { "a/b": string } }, string)).toEqual([]);
  });

  test("ends on schemas that refer to themselves, in properties and in unions", () => {
    const list = (value: object) => object({ value, next: { anyOf: [{ $ref: "#" }, { type: "null" }] } });
    expect(verdict(list(string), list(string))).toEqual([]);
    const found = verdict(list(string), list(number));
    expect(found.toSorted()).toEqual(["type-not-accepted /next/value", "type-not-accepted /value"]);
    const looped = { anyOf: [{ $ref: "#" }, { $ref: "#" }, string] };
    expect(verdict(looped, string)).toEqual([]);
    expect(verdict(string, looped)).toEqual([]);
    expect(verdict({ $ref: "#" }, string)).toEqual([]);
    const parts = { $defs: { A: { allOf: [{ $ref: "#/$defs/A" }] } }, $ref: "#/$defs/A" };
    expect(verdict(parts, string)).toEqual(["not-comparable "]);
  });

  test("does not multiply unions out for ever", () => {
    const union = (name: string) => ({ anyOf: Array.from({ length: 20 }, (_, n) => object({ [name]: { const: n } })) });
    const product = { allOf: ["a", "b", "c", "d"].map(union) };
    expect(verdict(product, object({ a: string }))).toEqual(["not-comparable "]);
    expect(verdict(product, product)).toEqual([]);
  });

  test("takes a property that is named by a pattern for one that may be written", () => {
    const patterned = object({}, { patternProperties: { "^x-": number } });
    expect(verdict(patterned, object({ "x-a": string }))).toEqual(["type-not-accepted /x-a"]);
    expect(verdict(patterned, object({ other: string }))).toEqual([]);
    expect(verdict(patterned, object({}, { additionalProperties: false }))).toEqual(["property-not-accepted /*"]);
    expect(verdict(patterned, object({}, { additionalProperties: string }))).toEqual(["type-not-accepted /*"]);
    expect(verdict(patterned, patterned)).toEqual([]);
    expect(verdict(object({ "x-a": string }), patterned)).toEqual(["not-comparable "]);
  });

  test("knows that what is never there is never written", () => {
    const never = object({ a: { not: {} } });
    expect(verdict(never, object({}, { additionalProperties: false }))).toEqual([]);
    expect(verdict(object({ a: string }), never)).toEqual(["property-not-accepted /a"]);
  });

  test("rejects what it cannot decide, unless both sides say the same", () => {
    const odd = { type: "string", not: { const: "x" } };
    expect(verdict(string, odd)).toEqual(["not-comparable "]);
    expect(verdict(odd, odd)).toEqual([]);
    expect(verdict(odd, string)).toEqual([]);
    const conditional = object({ a: string }, { if: object({ a: { const: "x" } }), else: { required: ["b"] } });
    expect(verdict(object({ a: string }), conditional)).toEqual(["not-comparable "]);
    expect(verdict({ type: "array" }, { type: "array", contains: string })).toEqual(["not-comparable "]);
  });

  test("compares long lists of values without taking its time", () => {
    const values = (count: number) => ({ enum: Array.from({ length: count }, (_, n) => `value-${n}`) });
    const startedAt = performance.now();
    expect(verdict(values(20_000), values(20_001))).toEqual([]);
    expect(verdict(values(20_001), values(20_000))).toEqual(["value-not-accepted "]);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  test("says in one finding which of many values are refused", () => {
    const [rejection] = findRejections({ enum: ["a", "b", "c"] }, { enum: ["a"] });
    expect(rejection).toMatchObject({ expected: '"a"', found: '"b", "c"' });
  });
});

test("samples go through alternatives, with and without what is optional", () => {
  const schema = object({ a: { enum: ["x", "y"] }, b: { type: "integer", minimum: 3 } }, { required: ["a"] });
  expect(samplesOf(schema)).toEqual([{ a: "x", b: 3 }, { a: "y", b: 3 }, { a: "x" }, { a: "y" }]);
});
