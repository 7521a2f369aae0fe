// Dependencies between packages point one way. Reads every import of every package and names each that does not.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface Allowed {
  /** Packages that the published source may import. */
  readonly source: readonly string[];
  /** Further ones that its tests may import. */
  readonly tests?: readonly string[];
}

const allowed: Readonly<Record<string, Allowed>> = {
  contracts: { source: [] },
  core: { source: ["contracts"], tests: ["testing"] },
  nats: { source: ["contracts", "core"], tests: ["servers", "testing"] },
  postgres: { source: ["contracts", "core"], tests: ["nats", "servers", "testing"] },
  servers: { source: [], tests: ["testing"] },
  telemetry: { source: [], tests: ["testing"] },
  journeys: { source: ["contracts"] },
  testing: { source: ["contracts", "core"] },
  cli: { source: ["contracts", "core", "journeys", "nats", "postgres"], tests: ["servers", "testing"] },
};
const importPattern = /^(?:(?:import|export)\b[^"]*?\bfrom|import)\s*"([^"]+)"|\bimport\("([^"]+)"\)/gm;

const problems = readdirSync("packages").flatMap((name) => {
  const rules = allowed[name];
  return rules === undefined ? [`packages/${name} is not in scripts/check-dependencies.ts`] : checkPackage(name, rules);
});
for (const problem of problems) {
  process.stderr.write(`${problem}\n`);
}
process.exitCode = problems.length === 0 ? 0 : 1;

function checkPackage(name: string, { source: ofSource, tests = [] }: Allowed): string[] {
  const folder = join("packages", name);
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<
    string,
    Record<string, string>
  >;
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".ts") && !file.startsWith("dist") && !file.includes("node_modules"),
  );
  return files.flatMap((file) => {
    const isTest = file.startsWith("test") || file.includes(".test.");
    const permitted = isTest ? [...ofSource, ...tests] : ofSource;
    const declared = {
      ...manifest["dependencies"],
      ...manifest["peerDependencies"],
      ...(isTest ? manifest["devDependencies"] : undefined),
    };
    const source = readFileSync(join(folder, file), "utf8");
    const imports = [...source.matchAll(importPattern)].map(([, from, dynamic]) => from ?? dynamic ?? "");
    return imports.flatMap((target) => {
      const dependency = packageOf(target);
      if (dependency === undefined || dependency === `@throughline/${name}`) {
        return [];
      }
      const own = dependency.match(/^@throughline\/(.+)$/)?.[1];
      if (own !== undefined && !permitted.includes(own)) {
        return [
          `${folder}/${file} imports ${dependency}: packages/${name} may use ${permitted.join(", ") || "none of ours"}`,
        ];
      }
      const isRootTool = isTest && (dependency === "vitest" || dependency === "@nats-io/transport-node");
      return dependency in declared || isRootTool
        ? []
        : [`${folder}/${file} imports ${dependency}, which its package.json does not declare`];
    });
  });
}

function packageOf(target: string): string | undefined {
  if (target.startsWith(".") || target.startsWith("node:")) {
    return undefined;
  }
  return target
    .split("/")
    .slice(0, target.startsWith("@") ? 2 : 1)
    .join("/");
}
