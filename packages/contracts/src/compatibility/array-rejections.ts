// Lists and tuples.

import type { JsonSchema } from "./json-schema.ts";
import type { Comparison, Rejection } from "./rejections.ts";
import { boundRejections, sameKeywordRejections } from "./scalar-rejections.ts";

type Keywords = { readonly [keyword: string]: unknown };

interface ListShape {
  readonly prefix: readonly JsonSchema[];
  /** Undefined: nothing is said about further items. */
  readonly items: JsonSchema | undefined;
  readonly min: number | undefined;
  readonly max: number | undefined;
}

export function arrayRejections(writing: Keywords, reading: Keywords, comparison: Comparison): readonly Rejection[] {
  const { compare, writerRoot, readerRoot, pointer } = comparison;
  const reader = readShape(reading);
  const described = readShape(writing);
  // A closed writer writes no items that its tuple does not name.
  const isTuple = described.prefix.length > 0 && described.items === undefined;
  const writer = isTuple ? { ...described, max: described.max ?? described.prefix.length } : described;
  const longest = writer.max ?? Number.POSITIVE_INFINITY;
  const positions = Math.min(Math.max(writer.prefix.length, reader.prefix.length), longest, longestRead(reader));
  const itemAt = ({ prefix, items }: ListShape, index: number): JsonSchema => prefix[index] ?? items ?? true;
  const compareItems = (written: JsonSchema, read: JsonSchema, place: string | number) =>
    compare({ schema: written, root: writerRoot }, { schema: read, root: readerRoot }, `${pointer}/${place}`);
  const single = Array.from({ length: positions }, (_, index) =>
    compareItems(itemAt(writer, index), itemAt(reader, index), index),
  );
  const hasMore = longest > positions;
  return [
    ...boundRejections("size-not-accepted", "items", writer, reader, pointer),
    ...single.flat(),
    ...(hasMore && reader.items !== false ? compareItems(writer.items ?? true, reader.items ?? true, "*") : []),
    ...sameKeywordRejections("uniqueItems", "duplicates-not-accepted", writing, ignoreFalse(reading), pointer),
    ...["contains", "minContains", "maxContains", "unevaluatedItems", "not", "if"].flatMap((keyword) =>
      sameKeywordRejections(keyword, "not-comparable", writing, reading, pointer),
    ),
  ];
}

/** What comes after that is refused for its number, whatever it is. */
function longestRead({ items, max }: ListShape): number {
  return items === false ? (max ?? 0) : Number.POSITIVE_INFINITY;
}

function readShape(keywords: Keywords): ListShape {
  const prefix = (keywords["prefixItems"] as readonly JsonSchema[] | undefined) ?? [];
  const items = keywords["items"] as JsonSchema | undefined;
  const max = keywords["maxItems"] as number | undefined;
  return {
    prefix,
    items,
    min: keywords["minItems"] as number | undefined,
    max: items === false ? Math.min(prefix.length, max ?? prefix.length) : max,
  };
}

function ignoreFalse(keywords: Keywords): Keywords {
  return keywords["uniqueItems"] === false ? { ...keywords, uniqueItems: undefined } : keywords;
}
