// The documents, checked by the tools that others read them with.

import { Parser } from "@asyncapi/parser";
import { defineEvent, defineProcedure } from "@throughline/contracts";
import { collectEvents, type DeclaredService } from "@throughline/contracts/compatibility";
import { createAsyncApi, createDocuments } from "@throughline/contracts/documents";
import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { Ajv2020 } from "ajv/dist/2020.js";
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { z } from "zod";

interface Category {
  readonly name: string;
  readonly parts: readonly Category[];
}
const Category: z.ZodType<Category> = z.object({ name: z.string(), parts: z.array(z.lazy(() => Category)) });

const key = (data: { id: string }) => data.id;
const Filed = defineEvent("library.filed", { key, description: "A book was filed." })
  .version(1, z.object({ id: z.string(), category: z.string() }))
  .version(2, z.object({ id: z.string(), category: Category }), {
    upcast: ({ id, category }) => ({ id, category: { name: category, parts: [] } }),
  });
const Lent = defineEvent("library.lent", { key }).version(
  1,
  toStandardJsonSchema(v.object({ id: v.string(), until: v.pipe(v.string(), v.isoDate()) })),
);
const Returned = defineEvent("library.returned", { key }).version(
  1,
  type({ id: "string", "damage?": "'none' | 'some'" }),
);
const FindBook = defineProcedure("library.find-book", {
  request: z.object({ title: z.string() }),
  reply: z.object({ ids: z.array(z.string()) }),
});

const services: readonly DeclaredService[] = [
  { name: "desk", publishes: [Lent, Returned], subscriptions: [], calls: [FindBook] },
  {
    name: "archive",
    publishes: [Filed],
    subscriptions: [
      {
        name: "note",
        durable: "archive-note",
        contracts: new Map([Lent, Returned].map((event) => [event.type, event])),
      },
    ],
    procedures: [{ procedure: FindBook }],
  },
];
const options = { title: "Library", version: "1.2.3", services };

async function problemsOf(document: unknown) {
  const { diagnostics } = await new Parser().parse(JSON.stringify(document));
  // "info" only recommends: a contact, a license, a server.
  return diagnostics
    .filter(({ severity }) => severity <= 1)
    .map(({ message, path }) => `${path.join(".")}: ${message}`);
}

describe("documents", () => {
  test.each([undefined, ["desk"], ["archive"]])("AsyncAPI of a system and of a service is valid: %s", async (only) => {
    const document = await createAsyncApi({ ...options, ...(only && { only }) });
    expect(await problemsOf(document)).toEqual([]);
  });

  test("AsyncAPI says who sends and who receives what", async () => {
    const { document } = await new Parser().parse(JSON.stringify(await createAsyncApi(options)));
    const operations = document?.operations().all() ?? [];
    const said = operations.map((operation) => [
      operation.id(),
      operation.action(),
      operation.channels().all()[0]?.address(),
      operation
        .messages()
        .all()
        .map((message) => message.id()),
    ]);
    expect(said).toEqual([
      ["archive.publish.library.filed", "send", "library.filed.{key}", ["library.filed.v2"]],
      ["archive.note.library.lent", "receive", "library.lent.{key}", ["library.lent.v1"]],
      ["archive.note.library.returned", "receive", "library.returned.{key}", ["library.returned.v1"]],
      ["archive.serve.library.find-book", "receive", "rpc.library.find-book", ["request"]],
      ["desk.publish.library.lent", "send", "library.lent.{key}", ["library.lent.v1"]],
      ["desk.publish.library.returned", "send", "library.returned.{key}", ["library.returned.v1"]],
      ["desk.call.library.find-book", "send", "rpc.library.find-book", ["request"]],
    ]);
  });

  test("a document that is wrong is found to be wrong", async () => {
    const document = await createAsyncApi(options);
    expect(await problemsOf({ ...document, channels: {} })).not.toEqual([]);
  });

  test("each schema file is a schema, and accepts the example of its version", async () => {
    const documents = await createDocuments(options);
    const files = [...documents].filter(([path]) => path.startsWith("schemas/"));
    expect(files.map(([path]) => path)).toEqual([
      "schemas/library.filed.v1.json",
      "schemas/library.filed.v2.json",
      "schemas/library.lent.v1.json",
      "schemas/library.returned.v1.json",
    ]);
    const asyncApi = JSON.parse(documents.get("asyncapi.json") ?? "") as {
      components: { messages: Record<string, { examples?: { payload: unknown }[] }> };
    };
    for (const [path, text] of files) {
      const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(JSON.parse(text) as object);
      const id = path.slice("schemas/".length, -".json".length);
      const [example] = asyncApi.components.messages[id]?.examples ?? [];
      expect(example, id).toBeDefined();
      expect(validate(example?.payload), id).toBe(true);
      expect(validate({ id: 1 }), id).toBe(false);
    }
  });

  test("come out the same whatever the order of the declarations", async () => {
    const reversed = await createDocuments({ ...options, services: services.toReversed() });
    for (const [path, text] of await createDocuments(options)) {
      expect(reversed.get(path), path).toBe(text);
    }
  });

  test("the catalogue names events, versions, publishers and readers", async () => {
    const catalogue = (await createDocuments(options)).get("catalogue.md") ?? "";
    for (const text of [
      "| [library.filed](#libraryfiled) | 2 | archive | nobody |",
      "| [library.lent](#librarylent) | 1 | desk | archive/note |",
      "A book was filed.",
      "### Version 1, read through upcasters",
      "| `category.parts[].name` | string | required |",
      '| `damage` | "none" or "some" | optional |',
      "desk --> library_lent([library.lent])",
    ]) {
      expect(catalogue).toContain(text);
    }
    expect(collectEvents(services)).toHaveLength(3);
  });
});
