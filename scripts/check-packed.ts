// Packs every package, installs the tarballs in a project outside of this workspace, and uses them there as a stranger
// would: every entry is imported, the types are checked, and the examples of README and guides run on a real server.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildPackages, packagesInOrder } from "./build-packages.ts";

/** What an example prints when it works. */
const exampleOutput: Readonly<Record<string, string>> = {
  "README.md": "charging order-1",
  "docs/guides/containers.md": '{"status":"ready","problems":[]}',
  "docs/guides/dead-letters.md": "completed",
  "docs/guides/evolving-contracts.md": "p-1 stored as version 1, read as version 2, express: false",
  "docs/guides/once-only-effects.md": "reserved for order-1: 1 row, 1 event",
  "docs/guides/on-call.md": "bills.sent",
  "docs/guides/policies.md": "",
  "docs/guides/procedures.md": "unknown-sku unicorn",
  "docs/guides/telemetry.md": '"msg":"packed"',
};

const outside = mkdtempSync(join(tmpdir(), "throughline-packed-"));
try {
  requireEveryGuide();
  buildPackages();
  const tarballs = packagesInOrder.map(packInto);
  lintPackages();
  install(tarballs);
  importEntries();
  checkTypes();
  runExamples();
  runCommand();
} finally {
  rmSync(outside, { recursive: true, force: true });
}

function runOrThrow(what: string, command: string, args: readonly string[], cwd: string): string {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_CHANNEL/.test(name)));
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: "utf8", timeout: 240_000 });
  if (status !== 0) {
    throw new Error(`${what} failed:\n${stdout}\n${stderr}`);
  }
  return stdout;
}

function packInto(name: string): string {
  const output = runOrThrow(
    `packing ${name}`,
    "npm",
    ["pack", "--json", "--loglevel=error", "--pack-destination", outside],
    join("packages", name),
  );
  const packed = JSON.parse(output) as { filename: string }[] | Record<string, { filename: string }>;
  const [entry] = Array.isArray(packed) ? packed : Object.values(packed);
  return join(outside, entry?.filename ?? "");
}

/** What a package's manifest promises must be in it, for every way of importing it. */
function lintPackages(): void {
  for (const name of packagesInOrder) {
    const folder = join("packages", name);
    runOrThrow(`publint of ${name}`, process.execPath, ["node_modules/publint/src/cli.js", "--strict", folder], ".");
    runOrThrow(
      `attw of ${name}`,
      process.execPath,
      [join(process.cwd(), "node_modules/@arethetypeswrong/cli/dist/index.js"), "--profile", "esm-only", "--pack", "."],
      folder,
    );
  }
}

function install(tarballs: readonly string[]): void {
  writeFileSync(join(outside, "package.json"), JSON.stringify({ name: "outside", private: true, type: "module" }));
  const { version } = JSON.parse(readFileSync("node_modules/zod/package.json", "utf8")) as { version: string };
  runOrThrow(
    "installing the packages",
    "npm",
    [
      "install",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
      "--prefer-offline",
      "--omit=optional",
      ...tarballs,
      `zod@${version}`,
    ],
    outside,
  );
}

/** What a user can import: `@throughline/contracts`, `@throughline/contracts/documents`, … */
function listEntries(): readonly string[] {
  return packagesInOrder.flatMap((name) => {
    const manifest = JSON.parse(readFileSync(join("packages", name, "package.json"), "utf8")) as { exports: object };
    const paths = Object.keys(manifest.exports).filter((path) => path !== "./package.json");
    return paths.map((path) => `@throughline/${name}${path.slice(1)}`);
  });
}

function importEntries(): void {
  const source = listEntries()
    .map((entry) => `if (Object.keys(await import("${entry}")).length === 0) throw new Error("${entry} is empty");`)
    .join("\n");
  runOrThrow("importing every entry", process.execPath, ["--input-type=module", "-e", source], outside);
}

function checkTypes(): void {
  for (const document of Object.keys(exampleOutput)) {
    writeFileSync(join(outside, fileOf(document)), readExample(document));
  }
  const entries = listEntries().map((entry, index) => `export * as entry${index} from "${entry}";`);
  writeFileSync(join(outside, "entries.ts"), entries.join("\n"));
  const config = {
    compilerOptions: {
      strict: true,
      module: "nodenext",
      target: "es2024",
      noEmit: true,
      types: [],
      skipLibCheck: false,
    },
    files: [...Object.keys(exampleOutput).map(fileOf), "entries.ts"],
  };
  writeFileSync(join(outside, "tsconfig.json"), JSON.stringify(config));
  const nodeTypes = join(process.cwd(), "node_modules/@types");
  const tsc = join(process.cwd(), "node_modules/typescript/bin/tsc");
  runOrThrow(
    "type-checking every entry and the examples",
    process.execPath,
    [tsc, "-p", ".", "--typeRoots", nodeTypes, "--types", "node"],
    outside,
  );
}

/** Every example ends by itself. */
function runExamples(): void {
  const serverScript = join(process.cwd(), "scripts/run-with-servers.ts");
  for (const [document, expected] of Object.entries(exampleOutput)) {
    const servers = readExample(document).includes("@throughline/postgres") ? ["--postgres"] : [];
    const output = runOrThrow(
      `running the example of ${document}`,
      process.execPath,
      ["--conditions=throughline-source", serverScript, ...servers, process.execPath, fileOf(document)],
      outside,
    );
    if (!output.includes(expected)) {
      throw new Error(`The example of ${document} printed:\n${output}`);
    }
  }
}

/** The command that the packages bring along, on a declaration of the project that they are installed in. */
function runCommand(): void {
  const config = `import { defineEvent } from "@throughline/contracts";
import { z } from "zod";
export const Sent = defineEvent("parcels.sent", { key: (parcel: { id: string }) => parcel.id }).version(1, z.object({ id: z.string() }));`;
  writeFileSync(join(outside, "throughline.config.ts"), config);
  const command = join(outside, "node_modules/.bin/throughline");
  for (const [name, ...args] of [["lock"], ["check"], ["docs"], ["docs", "--check"]]) {
    runOrThrow(`throughline contracts ${name}`, process.execPath, [command, "contracts", name ?? "", ...args], outside);
  }
}

function fileOf(document: string): string {
  return `${document.replaceAll(/[/.]/g, "-").toLowerCase()}.ts`;
}

/** The first block of TypeScript in a document. A guide without an example is no guide. */
function readExample(document: string): string {
  const [, example] = /```ts\n([\s\S]*?)```/.exec(readFileSync(document, "utf8")) ?? [];
  if (example === undefined) {
    throw new Error(`${document} has no example`);
  }
  return example;
}

function requireEveryGuide(): void {
  const missing = readdirSync("docs/guides").filter((guide) => !(`docs/guides/${guide}` in exampleOutput));
  if (missing.length > 0) {
    throw new Error(`${missing.join(", ")} in docs/guides: not among the examples that are run`);
  }
}
