// The committed documents of the system, read with the tools that others read them with. `npm run check` keeps them up to date.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Parser } from "@asyncapi/parser";
import { expect, test } from "vitest";

const folder = fileURLToPath(new URL("../docs/events/", import.meta.url));
const documents = ["asyncapi.json", ...readdirSync(`${folder}asyncapi`).map((name) => `asyncapi/${name}`)];

test("there is one AsyncAPI document for the system and one for each service", () => {
  expect(documents).toHaveLength(6);
});

test.each(documents)("%s is valid AsyncAPI", async (path) => {
  const { document, diagnostics } = await new Parser().parse(readFileSync(`${folder}${path}`, "utf8"));
  // Anything milder only recommends: a contact, a license, a server.
  expect(diagnostics.filter(({ severity }) => severity <= 1)).toEqual([]);
  expect(document?.version()).toBe("3.0.0");
});
