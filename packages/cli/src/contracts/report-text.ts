// What a check found, for people.

import type { Finding, Rule } from "@throughline/contracts/compatibility";
import type { UnreadableEvent } from "@throughline/core";
import { plural } from "../plural.ts";
import { paint, type Terminal } from "../terminal.ts";
import type { CheckReport } from "./check.ts";

const sidesOf = {
  backward: ["today's code accepts", "what was written"],
  forward: ["deployed readers accept", "today's code writes"],
} as const;
/** What is wrong with a declaration as a whole, not with some data. */
const ofDeclarations: ReadonlySet<Rule> = new Set<Rule>([
  "event-removed",
  "procedure-removed",
  "version-removed",
  "version-not-known",
  "downcast-missing",
  "key-changed",
  "schema-not-described",
  "upcast-fails",
  "downcast-fails",
  "example-invalid",
]);

export function formatAsText(report: CheckReport, terminal: Terminal): string {
  const lines = [
    ...report.findings.flatMap((finding) => [...formatFinding(finding, terminal), ""]),
    ...formatStored(report, terminal),
    summaryOf(report, terminal),
    ...nextStep(report),
  ];
  return `${lines.join("\n")}\n`;
}

export function formatFinding(finding: Finding, terminal: Terminal): readonly string[] {
  const { rule, event, part, version, direction, pointer, expected, found, breaks, fix } = finding;
  const sides = direction === null || ofDeclarations.has(rule) ? undefined : sidesOf[direction];
  const [expects, finds] = sides ?? ["expected", "found"];
  const width = Math.max(expects.length, finds.length, "breaks".length) + 2;
  const row = (name: string, value: string) => `  ${paint(terminal, "dim", name.padEnd(width))}${value}`;
  const place = part === undefined ? "" : ` ${part}`;
  const title = `${event}${place}${version === null ? "" : ` version ${version}`}${pointer === "" ? "" : `  ${pointer}`}`;
  return [
    `${paint(terminal, "red", rule)}  ${paint(terminal, "bold", title)}`,
    row(expects, expected),
    row(finds, found),
    ...(breaks.length === 0 ? [] : [row("breaks", breaks.join(", "))]),
    row("fix", fix),
  ];
}

function summaryOf({ findings, checked, ok, isLocked, lock, stored }: CheckReport, terminal: Terminal): string {
  const scope = `${plural(checked.events, "event")}, ${plural(checked.versions, "version")}`;
  if (findings.length > 0) {
    return paint(terminal, "red", `${plural(findings.length, "finding")} in ${scope}.`);
  }
  if (!ok) {
    return paint(
      terminal,
      "red",
      `The declarations agree with ${lock.path}; ${stored?.unreadable.length} stored events do not.`,
    );
  }
  return isLocked
    ? paint(terminal, "green", `${scope}: compatible with everything in ${lock.path}.`)
    : paint(
        terminal,
        "yellow",
        `${scope}: nobody breaks, and ${lock.path} ${lock.exists ? "is out of date" : "does not exist yet"}.`,
      );
}

function nextStep({ ok, isLocked }: CheckReport): readonly string[] {
  return ok && !isLocked ? ["Next: throughline contracts lock"] : [];
}

const shownRanges = 6;

function formatStored({ stored }: CheckReport, terminal: Terminal): readonly string[] {
  if (stored === undefined) {
    return [];
  }
  const total = Object.values(stored.streams).reduce((sum, count) => sum + count, 0);
  const groups = Map.groupBy(stored.unreadable, ({ type, version, code, problem }) =>
    [type, version, code, problem].join("\n"),
  );
  const undeclared = Object.entries(stored.undeclared).map(
    ([type, count]) => `  ${paint(terminal, "yellow", "not declared")}  ${type}: ${plural(count, "event")} not checked`,
  );
  return [
    `${plural(total, "stored event")} read in ${Object.keys(stored.streams).join(", ")}: ${stored.unreadable.length} cannot be read.`,
    ...[...groups.values()].toSorted((a, b) => b.length - a.length).flatMap((group) => formatGroup(group, terminal)),
    ...undeclared,
    "",
  ];
}

function formatGroup(group: readonly UnreadableEvent[], terminal: Terminal): readonly string[] {
  const first = group[0] as UnreadableEvent;
  const version = first.version === null ? "" : ` version ${first.version}`;
  const ranges = rangesOf(group.map(({ sequence }) => sequence));
  const shown = ranges.slice(0, shownRanges).join(", ");
  const more = ranges.length > shownRanges ? ", …" : "";
  return [
    `  ${paint(terminal, "red", first.code)}  ${first.type}${version}: ${plural(group.length, "event")}`,
    `    ${first.problem}`,
    `    ${first.stream} ${shown}${more}`,
  ];
}

/** `3, 7-19`: sequences that follow each other as one. */
function rangesOf(sequences: readonly number[]): readonly string[] {
  const ranges: { from: number; to: number }[] = [];
  for (const sequence of sequences) {
    const last = ranges.at(-1);
    if (last !== undefined && last.to + 1 === sequence) {
      last.to = sequence;
    } else {
      ranges.push({ from: sequence, to: sequence });
    }
  }
  return ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`));
}
