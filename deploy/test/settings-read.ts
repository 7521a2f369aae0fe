// Which environment variables the code of an image reads, by what the code says.

import { parseAst } from "rolldown/parseAst";
import type { ImageFile } from "../image/image-file.ts";

interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Those that our own code names, of the modules that the source maps tell of; what libraries read is theirs to tell. */
export function findSettingsRead(sourceMaps: readonly ImageFile[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { content } of sourceMaps) {
    const { sources, sourcesContent } = JSON.parse(new TextDecoder().decode(content)) as {
      sources: readonly string[];
      sourcesContent: readonly string[];
    };
    sources.forEach((source, index) => {
      if (source.endsWith(".ts") && !source.includes("node_modules")) {
        collect(parseAst(sourcesContent[index] ?? "", { lang: "ts" }) as unknown as Node, names);
      }
    });
  }
  return names;
}

/** `process.env["NAME"]`, `const { NAME } = process.env`, and the same of something called `env`. */
function collect(node: Node, names: Set<string>): void {
  if (node.type === "MemberExpression" && isEnvironment(node["object"] as Node)) {
    const property = node["property"] as Node;
    const name = node["computed"] ? property["value"] : property["name"];
    if (typeof name === "string") {
      names.add(name);
    }
  }
  if (node.type === "VariableDeclarator" && node["init"] !== null && isEnvironment(node["init"] as Node)) {
    for (const { key } of ((node["id"] as Node)["properties"] ?? []) as { key?: Node }[]) {
      names.add(String(key?.["name"]));
    }
  }
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (child !== null && typeof child === "object" && typeof child.type === "string") {
        collect(child, names);
      }
    }
  }
}

function isEnvironment(node: Node): boolean {
  switch (node.type) {
    case "Identifier":
      return node["name"] === "env";
    case "MemberExpression":
      return (node["object"] as Node)["name"] === "process" && (node["property"] as Node)["name"] === "env";
    case "LogicalExpression":
      return isEnvironment(node["right"] as Node);
    case "ParenthesizedExpression":
      return isEnvironment(node["expression"] as Node);
    default:
      return false;
  }
}
