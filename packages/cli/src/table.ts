// Rows for people: columns as wide as what is in them, headings where a terminal shows them.

import { stripVTControlCharacters } from "node:util";
import { paint, type Terminal } from "./terminal.ts";

/** Two spaces between columns, none at the end of a line. */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  terminal: Terminal,
): string {
  const width = (column: number) =>
    Math.max(...[headings, ...rows].map((row) => stripVTControlCharacters(row[column] ?? "").length));
  const widths = headings.map((_, column) => width(column));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - stripVTControlCharacters(cell).length))
      .join("  ")
      .trimEnd();
  return `${[paint(terminal, "dim", line(headings)), ...rows.map(line)].join("\n")}\n`;
}

/** What somebody else wrote, on one line and without what a terminal would obey. */
export function oneLine(text: string, maxLength = 120): string {
  const clean = text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, " ").trim();
  return clean.length > maxLength ? `${clean.slice(0, maxLength - 1)}…` : clean;
}
