// Data that fits a schema, made without chance: for examples in documents, and to try upcasters with.

import type { JsonSchema } from "./json-schema.ts";
import { type Alternative, alternativesOf } from "./schema-alternatives.ts";

type Keywords = { readonly [keyword: string]: unknown };

/** Which of all fitting data: as little as is allowed, or everything that is named. */
type Extent = "least" | "most";

interface SampleOptions {
  readonly root: JsonSchema;
  readonly extent: Extent;
  /** Which alternative to take, where there are several; counted from either end. */
  readonly choice: number;
  readonly depth: number;
}

const maxDepth = 8;
const maxChoices = 12;

/** One sample that shows everything the schema names. */
export function sampleOf(schema: JsonSchema): unknown {
  return make(schema, { root: schema, extent: "most", choice: 0, depth: 0 });
}

/** Different ones: with and without what is optional, through the alternatives of each union. */
export function samplesOf(schema: JsonSchema): readonly unknown[] {
  return [...new Set((["most", "least"] as const).flatMap((extent) => chooseEach(schema, extent)))].map(
    (text) => JSON.parse(text) as unknown,
  );
}

/** Goes through the choices until they begin anew. */
function chooseEach(schema: JsonSchema, extent: Extent): readonly string[] {
  const texts: string[] = [];
  for (let choice = 0; choice < maxChoices; choice++) {
    const text = JSON.stringify(make(schema, { root: schema, extent, choice, depth: 0 }));
    if (text === texts[0]) {
      break;
    }
    texts.push(text);
  }
  return texts;
}

function make(schema: JsonSchema, options: SampleOptions): unknown {
  const alternatives = alternativesOf({ schema, root: options.root });
  const chosen = alternatives[options.choice % alternatives.length];
  return chosen === undefined ? null : makeAlternative(chosen, { ...options, depth: options.depth + 1 });
}

function makeAlternative(alternative: Alternative, options: SampleOptions): unknown {
  switch (alternative.kind) {
    case "literal":
      return alternative.value;
    case "null":
      return null;
    case "string":
      return makeString(alternative.keywords);
    case "number":
    case "integer":
      return makeNumber(alternative.keywords, alternative.kind === "integer");
    case "array":
      return makeArray(alternative.keywords, options);
    case "object":
      return makeObject(alternative.keywords, options);
  }
}

const formats: Readonly<Record<string, string>> = {
  email: "name@example.com",
  uuid: "0198c1d4-5b7e-7c3a-9f21-3d6a8e5b4c10",
  "date-time": "2026-01-02T03:04:05Z",
  date: "2026-01-02",
  time: "03:04:05Z",
  duration: "PT1H",
  uri: "https://example.com/",
  url: "https://example.com/",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  hostname: "example.com",
};

function makeString({ format, minLength = 0, maxLength = Number.POSITIVE_INFINITY }: Keywords): string {
  const known = typeof format === "string" ? formats[format] : undefined;
  return known ?? "string".padEnd(minLength as number, "s").slice(0, maxLength as number);
}

function makeNumber(keywords: Keywords, isInteger: boolean): number {
  const { minimum, exclusiveMinimum, maximum, exclusiveMaximum, multipleOf } = keywords as Record<
    string,
    number | undefined
  >;
  const step = multipleOf ?? (isInteger ? 1 : undefined);
  const above = exclusiveMinimum === undefined ? undefined : exclusiveMinimum + (step ?? 0.5);
  const below = exclusiveMaximum === undefined ? undefined : exclusiveMaximum - (step ?? 0.5);
  const lowest =
    (minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum) ?? above ?? Math.min(1, maximum ?? below ?? 1);
  return step === undefined ? lowest : Math.ceil(lowest / step) * step;
}

function makeArray(
  { prefixItems = [], items = true, minItems = 0, maxItems }: Keywords,
  options: SampleOptions,
): unknown {
  const prefix = (prefixItems as JsonSchema[]).map((schema) => make(schema, options));
  const isShort = options.extent === "least" || options.depth > maxDepth || items === false || items === true;
  const length = Math.max(minItems as number, isShort ? 0 : Math.min(prefix.length + 1, (maxItems as number) ?? 1));
  const rest = Math.max(0, length - prefix.length);
  return [...prefix, ...Array.from({ length: rest }, () => make(items as JsonSchema, options))];
}

function makeObject({ properties = {}, required = [] }: Keywords, options: SampleOptions): unknown {
  const isSmall = options.extent === "least" || options.depth > maxDepth;
  const names = Object.keys(properties as object).filter((name) => !isSmall || (required as string[]).includes(name));
  return Object.fromEntries(
    names.map((name) => [name, make((properties as Record<string, JsonSchema>)[name] ?? true, options)]),
  );
}
