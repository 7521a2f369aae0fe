// Documents that must agree with the code: docs/errors.md lists each error code with its remedy, the README is short,
// and every relative link in a Markdown file leads somewhere. `--write` brings docs/errors.md up to date.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { errorCodes } from "../packages/contracts/src/index.ts";

const maxReadmeLines = 150;

const errorsFile = "docs/errors.md";
const expectedErrors = formatErrors();
const problems: string[] = [];

if (process.argv.includes("--write")) {
  writeFileSync(errorsFile, expectedErrors);
}
if (!existsSync(errorsFile) || readFileSync(errorsFile, "utf8") !== expectedErrors) {
  problems.push(`${errorsFile} does not list what the code has. Fix: npm run docs`);
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
