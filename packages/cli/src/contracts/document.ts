// `throughline contracts docs`.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { createDocuments } from "@throughline/contracts/documents";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { plural } from "../plural.ts";
import { paint, type Terminal } from "../terminal.ts";
import { loadDeclarations } from "./load-declarations.ts";

export interface DocumentOptions {
  readonly out?: string;
  readonly title: string;
  readonly systemVersion: string;
  readonly check: boolean;
}

/** What the command makes, and so what it may delete when it makes it no more. */
const ownFiles = /^(?:catalogue\.md|asyncapi\.json|(?:asyncapi|schemas)\/[^/]+\.json)$/;

export async function documentContracts(
  paths: readonly string[],
  { out, title, systemVersion, check }: DocumentOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const { services, contracts, folder } = await loadDeclarations(paths, terminal.cwd);
  const target = out === undefined ? join(folder, "docs", "events") : resolve(terminal.cwd, out);
  const name = relative(terminal.cwd, target) || ".";
  const documents = await createDocuments({ title, version: systemVersion, services, contracts });
  const present = listOwnFiles(target);
  const changed = [...documents].filter(([path, text]) => !isSame(join(target, path), text)).map(([path]) => path);
  const surplus = present.filter((path) => !documents.has(path));
  if (check) {
    for (const path of [...changed, ...surplus]) {
      terminal.err(`${paint(terminal, "yellow", "out of date")}  ${join(name, path)}\n`);
    }
    const isCurrent = changed.length + surplus.length === 0;
    terminal.out(isCurrent ? `${name}: up to date.\n` : "Next: throughline contracts docs\n");
    return isCurrent ? exitCodes.done : exitCodes.outdated;
  }
  for (const path of changed) {
    mkdirSync(dirname(join(target, path)), { recursive: true });
    writeFileSync(join(target, path), documents.get(path) ?? "");
  }
  for (const path of surplus) {
    rmSync(join(target, path));
  }
  const removed = surplus.length === 0 ? "" : `, ${surplus.length} removed`;
  terminal.out(
    `${paint(terminal, "green", name)}: ${plural(documents.size, "file")}, ${changed.length} written${removed}.\n`,
  );
  return exitCodes.done;
}

function isSame(file: string, text: string): boolean {
  return existsSync(file) && readFileSync(file, "utf8") === text;
}

function listOwnFiles(folder: string): readonly string[] {
  return existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => ownFiles.test(path))
    : [];
}
