// All documents of a system, as files by their paths: what `throughline contracts docs` writes and checks.

import { collectEvents, type DeclaredService } from "../compatibility/declared-system.ts";
import type { AnyEventContract } from "../declaration/event-contract.ts";
import { createAsyncApi } from "./asyncapi.ts";
import { createCatalogue } from "./catalogue.ts";
import { createSchemaFiles } from "./schema-files.ts";

export interface DocumentOptions {
  readonly title: string;
  /** Of the system, for AsyncAPI. */
  readonly version: string;
  readonly services: readonly DeclaredService[];
  /** Further contracts, that no service of these uses. */
  readonly contracts?: readonly AnyEventContract[];
}

/** Contents by path: `catalogue.md`, `asyncapi.json`, `asyncapi/<service>.json`, `schemas/<type>.v<n>.json`. */
export async function createDocuments(options: DocumentOptions): Promise<ReadonlyMap<string, string>> {
  const { title, version, services } = options;
  const events = collectEvents(services, options.contracts);
  const format = (document: unknown) => `${JSON.stringify(document, undefined, 2)}\n`;
  const each = services.map(async ({ name }) => {
    const document = await createAsyncApi({ title: name, version, services, only: [name] });
    return [`asyncapi/${name}.json`, format(document)] as const;
  });
  return new Map([
    ["catalogue.md", await createCatalogue(title, events)],
    ["asyncapi.json", format(await createAsyncApi({ title, version, services }))],
    ...(await Promise.all(each)),
    ...createSchemaFiles(events),
  ]);
}
