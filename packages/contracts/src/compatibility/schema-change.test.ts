// What the tables of schema changes share: one change in three libraries, and its verdict in both directions.

import type { StandardSchemaV1 } from "@standard-schema/spec";
import { toStandardJsonSchema } from "@valibot/to-json-schema";
import type { GenericSchema } from "valibot";
import { describe, expect, test } from "vitest";
import { describeSchema, normalizeSchema } from "./json-schema.ts";
import { findRejections } from "./rejections.ts";
import { samplesOf } from "./schema-samples.ts";

type Pair<Schema> = readonly [before: Schema, after: Schema];

/** `<rule> <pointer>` for each rejection; by library where libraries spell the same thing out differently. */
type Verdict = readonly string[] | Readonly<Partial<Record<Library, readonly string[]>>>;
type Library = "zod" | "valibot" | "arktype";

export interface SchemaChange {
  readonly change: string;
  readonly zod: Pair<StandardSchemaV1>;
  readonly valibot?: Pair<GenericSchema>;
  readonly arktype?: Pair<StandardSchemaV1>;
  /** What today's code does not read of what was written before. */
  readonly backward: Verdict;
  /** What deployed readers do not read of what today's code writes. */
  readonly forward: Verdict;
}

/** One test for each change and library that can express it. */
export function testChanges(title: string, changes: readonly SchemaChange[]): void {
  describe(title, () => {
    for (const { change, zod, valibot, arktype, backward, forward } of changes) {
      const pairs: readonly (readonly [Library, Pair<StandardSchemaV1> | undefined])[] = [
        ["zod", zod],
        ["valibot", valibot && [toStandardJsonSchema(valibot[0]), toStandardJsonSchema(valibot[1])]],
        ["arktype", arktype],
      ];
      for (const [library, pair] of pairs) {
        if (pair !== undefined) {
          test(`${change} (${library})`, async () => {
            const [before, after] = pair.map(describe2020);
            await expectSoundness(pair[0], pair[1], before);
            await expectSoundness(pair[1], pair[0], after);
            expect({ backward: verdict(before, after), forward: verdict(after, before) }).toEqual({
              backward: expectedOf(backward, library),
              forward: expectedOf(forward, library),
            });
          });
        }
      }
    }
  });
}

/** Where nothing is rejected, the reader's own validator accepts whatever the writer's accepts. */
async function expectSoundness(writer: StandardSchemaV1, reader: StandardSchemaV1, written: Described): Promise<void> {
  if (verdict(written, describe2020(reader)).length > 0) {
    return;
  }
  const accepts = async (schema: StandardSchemaV1, data: unknown) =>
    (await schema["~standard"].validate(structuredClone(data))).issues === undefined;
  for (const sample of samplesOf(written ?? true)) {
    if (await accepts(writer, sample)) {
      expect(await accepts(reader, sample), JSON.stringify(sample)).toBe(true);
    }
  }
}

function describe2020(schema: StandardSchemaV1) {
  const described = describeSchema({ schema });
  if ("problem" in described) {
    throw new Error(described.problem);
  }
  return normalizeSchema(described.schema);
}

type Described = ReturnType<typeof describe2020> | undefined;

function verdict(writer: Described, reader: Described): string[] {
  return findRejections(writer ?? true, reader ?? true)
    .map(({ rule, pointer }) => `${rule} ${pointer}`)
    .toSorted();
}

function expectedOf(expected: Verdict, library: Library): readonly string[] {
  return Array.isArray(expected)
    ? expected
    : ((expected as Readonly<Partial<Record<Library, readonly string[]>>>)[library] ?? []);
}
