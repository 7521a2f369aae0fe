// A catalogue of all events for people, in Markdown: who publishes, who reads, which versions there are, what they hold.

import type { DeclaredEvent } from "../compatibility/declared-system.ts";
import { describeSchema, type JsonSchema } from "../compatibility/json-schema.ts";
import { alternativesOf } from "../compatibility/schema-alternatives.ts";
import { describeAlternatives } from "../compatibility/schema-description.ts";
import type { EventVersion } from "../declaration/event-version.ts";
import { exampleOf } from "./version-example.ts";

/** Markdown, with a diagram in Mermaid. Always the same for the same declarations. */
export async function createCatalogue(title: string, events: readonly DeclaredEvent[]): Promise<string> {
  const sections = await Promise.all(events.map(describeEvent));
  return `${[
    `# ${title}`,
    "",
    "Made from the declarations by `throughline contracts docs`; do not edit.",
    "",
    "```mermaid",
    "flowchart LR",
    ...diagramOf(events),
    "```",
    "",
    "| event | version | published by | read by |",
    "|---|---|---|---|",
    ...events.map(overviewOf),
    "",
    ...sections.flat(),
  ]
    .join("\n")
    .trimEnd()}\n`;
}

function overviewOf({ type, contract, publishers, subscribers }: DeclaredEvent): string {
  const name = `[${type}](#${type.replaceAll(".", "")})`;
  return `| ${name} | ${contract.latestVersion} | ${listNames(publishers)} | ${listNames(subscribers)} |`;
}

function diagramOf(events: readonly DeclaredEvent[]): readonly string[] {
  const edges = events.flatMap(({ type, publishers, subscribers }) => [
    ...publishers.map(({ name }) => `  ${nodeOf(name)} --> ${nodeOf(type)}([${type}])`),
    ...subscribers.map(({ name }) => `  ${nodeOf(type)}([${type}]) --> ${nodeOf(name.split("/")[0] ?? name)}`),
  ]);
  return [...new Set(edges)].toSorted();
}

const nodeOf = (name: string) => name.replaceAll(".", "_");

function listNames(participants: readonly { readonly name: string }[]): string {
  const names = [...new Set(participants.map(({ name }) => name))];
  return names.length === 0 ? "nobody" : names.join(", ");
}

async function describeEvent({ type, contract, publishers, subscribers }: DeclaredEvent): Promise<readonly string[]> {
  const newestFirst = contract.versions.toReversed();
  const versions = await Promise.all(newestFirst.map((version) => describeVersion(version, contract.latestVersion)));
  return [
    `## ${type}`,
    "",
    ...(contract.description === undefined ? [] : [contract.description, ""]),
    `- subject \`${type}.<key>\` in stream \`${contract.stream}\`, key ${keyOf(contract.describeKey())}`,
    `- published by ${listNames(publishers)}; read by ${listNames(subscribers)}`,
    `- compatibility ${contract.compatibility}; written from version ${contract.oldestWritableVersion} on`,
    "",
    ...versions.flat(),
  ];
}

function keyOf(description: string | undefined): string {
  return description === undefined ? "computed" : `\`${description}\``;
}

async function describeVersion(version: EventVersion, latest: number): Promise<readonly string[]> {
  const described = describeSchema(version);
  const example = await exampleOf(version);
  const heading = `### Version ${version.version}${version.version === latest ? "" : ", read through upcasters"}`;
  const rows = "problem" in described ? [] : propertyRows(described.schema);
  return [
    heading,
    "",
    ...("problem" in described ? [`Not described: ${described.problem}.`, ""] : []),
    ...(rows.length === 0 ? [] : ["| property | type | |", "|---|---|---|", ...rows, ""]),
    ...(example === undefined ? [] : ["```json", JSON.stringify(example, undefined, 2), "```", ""]),
  ];
}

const maxDepth = 6;

function propertyRows(schema: JsonSchema, root: JsonSchema = schema, place = "", depth = 0): string[] {
  const rows = alternativesOf({ schema, root }).flatMap((alternative) => {
    if (alternative.kind === "array" && depth < maxDepth) {
      const items = (alternative.keywords["items"] ?? true) as JsonSchema;
      return propertyRows(items, root, `${place}[]`, depth + 1);
    }
    if (alternative.kind !== "object" || depth >= maxDepth) {
      return [];
    }
    const { properties = {}, required = [] } = alternative.keywords as {
      properties?: Record<string, JsonSchema>;
      required?: readonly string[];
    };
    return Object.entries(properties).flatMap(([name, property]) => {
      const path = place === "" ? name : `${place}.${name}`;
      const presence = required.includes(name) ? "required" : "optional";
      const type = describeAlternatives(alternativesOf({ schema: property, root }));
      const said = typeof property === "object" ? property["description"] : undefined;
      const note = typeof said === "string" ? `${presence}. ${escapeCell(said)}` : presence;
      return [`| \`${path}\` | ${escapeCell(type)} | ${note} |`, ...propertyRows(property, root, path, depth + 1)];
    });
  });
  return [...new Set(rows)];
}

function escapeCell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll(/\s+/g, " ");
}
