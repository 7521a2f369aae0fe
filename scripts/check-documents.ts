// Documents that must agree with the code: docs/errors.md lists each error code with its remedy, docs/contract-rules.md each
// rule of the compatibility check, the README is short, and every relative link in a Markdown file leads somewhere.
// `--write` brings the lists up to date.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { rules } from "../packages/contracts/src/compatibility/index.ts";
import { errorCodes } from "../packages/contracts/src/index.ts";

const maxReadmeLines = 150;

const generated: Readonly<Record<string, string>> = {
  "docs/errors.md": formatErrors(),
  "docs/contract-rules.md": formatRules(),
};
const problems: string[] = [];

for (const [file, text] of Object.entries(generated)) {
  if (process.argv.includes("--write")) {
    writeFileSync(file, text);
  }
  if (!existsSync(file) || readFileSync(file, "utf8") !== text) {
    problems.push(`${file} does not list what the code has. Fix: npm run docs`);
  }
}
const readmeLines = readFileSync("README.md", "utf8").trimEnd().split("\n").length;
if (readmeLines > maxReadmeLines) {
  problems.push(`README.md has ${readmeLines} lines; at most ${maxReadmeLines}`);
}
problems.push(...listMarkdown().flatMap(findDeadLinks));
for (const problem of problems) {
  process.stderr.write(`${problem}\n`);
}
process.exitCode = problems.length === 0 ? 0 : 1;

function formatErrors(): string {
  const rows = Object.entries(errorCodes).map(
    ([code, { retryable, remedy }]) =>
      `| \`${code}\` | ${retryable ? "yes" : "no"} | ${remedy.replaceAll("|", "\\|")} |`,
  );
  return [
    "# Errors",
    "",
    "Every error of the toolkit is a `ThroughlineError` with one of these codes. `details` holds the facts of the case,",
    "`remedy` the next step, `cause` the error underneath. Made from the code; `npm run check` holds the two together.",
    "",
    "| Code | Can the same call succeed later? | What to do |",
    "|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

function formatRules(): string {
  const rows = Object.entries(rules).map(([rule, meaning]) => `| \`${rule}\` | ${meaning} |`);
  return [
    "# Rules of the compatibility check",
    "",
    "What `throughline contracts check` finds. The ids never change. The writer is closed: it writes what its schema names and",
    "nothing else. The reader is open: it ignores what it does not know, unless its schema forbids that (`z.strictObject`).",
    "`backward` means that today's code reads and the past wrote; `forward` that today's code writes and what is deployed reads.",
    "[How to evolve a contract](guides/evolving-contracts.md). Made from the code; `npm run check` holds the two together.",
    "",
    "| rule | what it means |",
    "|---|---|",
    ...rows,
    "",
  ].join("\n");
}

function listMarkdown(): string[] {
  return readdirSync(".", { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".md") && !/(^|\/)(node_modules|dist|\.throughline|\.git)\//.test(file),
  );
}

function findDeadLinks(file: string): string[] {
  const links = [...readFileSync(file, "utf8").matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link = ""]) => link);
  return links
    .filter((link) => !existsSync(join(dirname(file), link)))
    .map((link) => `${file} links to ${link}, which does not exist`);
}
