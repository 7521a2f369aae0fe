// What a check found, as annotations of a GitHub workflow, at the event's place in the lock file.
// @see https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands

import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Finding } from "@throughline/contracts/compatibility";
import type { Terminal } from "../terminal.ts";
import type { CheckReport } from "./check.ts";

export function formatForGithub(report: CheckReport, { cwd }: Terminal): string {
  const { lock, findings, stored, isLocked, ok } = report;
  const path = resolve(cwd, lock.path);
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
  const lineOf = (event: string) => Math.max(1, lines.indexOf(`    ${JSON.stringify(event)}: {`) + 1);
  const place = (event: string) => ({ file: lock.path, line: lineOf(event) });
  const commands = [
    ...findings.map((finding) =>
      command("error", { ...place(finding.event), title: titleOf(finding) }, messageOf(finding)),
    ),
    ...(stored?.unreadable ?? []).map(({ stream, sequence, type, code, problem }) =>
      command("error", { ...place(type), title: `${stream} ${sequence}: ${code}` }, problem),
    ),
    ...(ok && !isLocked
      ? [
          command(
            "error",
            { file: lock.path, title: "out of date" },
            "Run `throughline contracts lock` and commit the file.",
          ),
        ]
      : []),
  ];
  return commands.map((line) => `${line}\n`).join("");
}

function titleOf({ event, part, version, rule }: Finding): string {
  return `${event}${part === undefined ? "" : ` ${part}`}${version === null ? "" : ` version ${version}`}: ${rule}`;
}

function messageOf({ pointer, expected, found, breaks, fix }: Finding): string {
  const place = pointer === "" ? "" : `${pointer}: `;
  const who = breaks.length === 0 ? "" : ` Breaks ${breaks.join(", ")}.`;
  return `${place}expected ${expected}, found ${found}.${who}\n${fix}`;
}

function command(name: string, properties: Readonly<Record<string, string | number>>, message: string): string {
  const list = Object.entries(properties).map(([key, value]) => `${key}=${escapeProperty(String(value))}`);
  return `::${name} ${list.join(",")}::${escapeData(message)}`;
}

function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
