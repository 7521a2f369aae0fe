// `throughline dead-letters list`, `groups` and `show`: changes nothing.

import type { DeadLetter } from "@throughline/core";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { plural } from "../plural.ts";
import { formatTable, oneLine } from "../table.ts";
import { paint, type Terminal } from "../terminal.ts";
import { type FilterOptions, toFilter } from "./filter-options.ts";
import { type LettersOptions, openLetters } from "./open-letters.ts";

export async function listLetters(
  options: LettersOptions & FilterOptions & { readonly limit: number },
  terminal: Terminal,
): Promise<ExitCode> {
  await using letters = await openLetters(options);
  const found: DeadLetter[] = [];
  for await (const letter of letters.list(toFilter(options), { limit: options.limit })) {
    found.push(letter);
  }
  if (options.json) {
    terminal.out(found.map((letter) => `${JSON.stringify(toJson(letter))}\n`).join(""));
    return exitCodes.done;
  }
  const rows = found.map((letter) => [
    `#${letter.sequence}`,
    letter.deadSince,
    `${letter.service} ${letter.subscription}`,
    `${letter.type} ${letter.key}`,
    letter.reason,
    String(letter.attempts),
    oneLine(`${letter.error.name}: ${letter.error.message}`, 80),
  ]);
  const headings = ["", "since", "subscription", "event", "reason", "attempts", "error"];
  terminal.out(rows.length === 0 ? noneFound(terminal) : formatTable(headings, rows, terminal));
  if (rows.length === options.limit) {
    terminal.err(`The first ${rows.length}; --limit shows more.\n`);
  }
  return exitCodes.done;
}

export async function groupLetters(options: LettersOptions & FilterOptions, terminal: Terminal): Promise<ExitCode> {
  await using letters = await openLetters(options);
  const groups = await letters.groups(toFilter(options));
  if (options.json) {
    terminal.out(`${JSON.stringify(groups)}\n`);
    return exitCodes.done;
  }
  const rows = groups.map((group) => [
    String(group.count),
    `${group.service} ${group.subscription}`,
    group.reason,
    oneLine(`${group.error.name}: ${group.error.message}`, 80),
    group.last,
    group.fingerprint,
    `#${group.sample}`,
  ]);
  const headings = ["count", "subscription", "reason", "error", "last", "fingerprint", "one of them"];
  terminal.out(rows.length === 0 ? noneFound(terminal) : formatTable(headings, rows, terminal));
  return exitCodes.done;
}

export async function showLetter(sequence: number, options: LettersOptions, terminal: Terminal): Promise<ExitCode> {
  await using letters = await openLetters(options);
  const letter = await letters.show(sequence);
  if (letter === undefined) {
    terminal.err(`There is no dead letter #${sequence}.\n`);
    return exitCodes.findings;
  }
  if (options.json) {
    terminal.out(`${JSON.stringify(toJson(letter))}\n`);
    return exitCodes.done;
  }
  const facts: readonly (readonly [string, string])[] = [
    ["event", `${letter.type} ${letter.key} (${letter.eventId ?? "no id"})`],
    ["failed at", `${letter.service} ${letter.subscription}`],
    ["reason", letter.reason],
    ["error", paint(terminal, "red", oneLine(`${letter.error.name}: ${letter.error.message}`, 1_000))],
    ["attempts", String(letter.attempts)],
    ["redriven before", `${letter.replays} times`],
    ["first failure", letter.firstFailure],
    ["dead since", letter.deadSince],
    ["stored as", `${letter.origin.stream} #${letter.origin.sequence}`],
    ["fingerprint", letter.fingerprint],
  ];
  terminal.out(
    `${facts.map(([name, value]) => `${name.padEnd(17)}${value}`).join("\n")}\n\n${formatBody(letter)}\n\n${nextSteps(letter)}\n`,
  );
  return exitCodes.done;
}

function nextSteps({ sequence, correlationId, fingerprint }: DeadLetter): string {
  return [
    ...(correlationId === undefined ? [] : [`Its journey:        throughline journey ${correlationId}`]),
    `Once it is mended:  throughline dead-letters redrive --sequence ${sequence}`,
    `All of this cause:  throughline dead-letters redrive --fingerprint ${fingerprint}`,
  ].join("\n");
}

function formatBody({ body }: DeadLetter): string {
  if (body === undefined) {
    return "(The data were too large to be kept; the stream has them.)";
  }
  const text = Buffer.from(body).toString("utf8");
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return oneLine(text, 2_000);
  }
}

/** Data as text: what is not UTF-8 cannot be shown otherwise. */
function toJson({ headers, body, ...letter }: DeadLetter): object {
  const data = body === undefined ? null : Buffer.from(body).toString("utf8");
  return { ...letter, headers: Object.fromEntries(headers), data };
}

function noneFound(terminal: Terminal): string {
  return `${paint(terminal, "green", `${plural(0, "dead letter")}.`)}\n`;
}
