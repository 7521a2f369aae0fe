// A journey as a tree for the terminal: what happened, who did it, what it waited for and how long it worked.

import type { Journey, JourneyEvent, JourneyNode } from "./journey.ts";

export interface TreeOptions {
  /** ANSI colours. Default: none. */
  readonly color?: boolean;
}

type Paint = (text: string) => string;

interface Palette {
  readonly type: Paint;
  readonly service: Paint;
  readonly wait: Paint;
  readonly work: Paint;
  readonly faint: Paint;
}

const plain: Paint = (text) => text;
const ansi =
  (code: number): Paint =>
  (text) =>
    `\u001b[${code}m${text}\u001b[0m`;
const monochrome: Palette = { type: plain, service: plain, wait: plain, work: plain, faint: plain };
const colorful: Palette = { type: ansi(1), service: ansi(36), wait: ansi(33), work: ansi(32), faint: ansi(2) };

/** One line an event, children below their cause, then the trace id and the time in all. */
export function formatJourneyTree(journey: Journey, { color = false }: TreeOptions = {}): string {
  const palette = color ? colorful : monochrome;
  const rows = journey.roots.flatMap((root) => listRows(root, "", ""));
  const width = Math.max(0, ...rows.map(({ branch, event }) => branch.length + event.type.length));
  const serviceWidth = Math.max(0, ...rows.map(({ event }) => event.service.length));
  const lines = rows.map(({ branch, event }) => formatRow(branch, event, width, serviceWidth, palette));
  const first = journey.events.at(0);
  const last = journey.events.at(-1);
  const totalMs = first === undefined || last === undefined ? 0 : last.storedAtMs - first.storedAtMs;
  const trace = journey.traceIds.length === 0 ? "none" : journey.traceIds.join(", ");
  return [...lines, palette.faint(`trace ${trace}   ${journey.events.length} events in ${formatMs(totalMs)}`)].join(
    "\n",
  );
}

interface Row {
  readonly branch: string;
  readonly event: JourneyEvent;
}

function listRows({ event, effects }: JourneyNode, branch: string, indent: string): Row[] {
  const below = effects.flatMap((effect, index) => {
    const last = index === effects.length - 1;
    return listRows(effect, `${indent}${last ? "└─ " : "├─ "}`, `${indent}${last ? "   " : "│  "}`);
  });
  return [{ branch, event }, ...below];
}

function formatRow(branch: string, event: JourneyEvent, width: number, serviceWidth: number, palette: Palette): string {
  const padding = " ".repeat(width - branch.length - event.type.length);
  const name = `${palette.faint(branch)}${palette.type(event.type)}${padding}`;
  const service = palette.service(event.service.padEnd(serviceWidth));
  const place = palette.faint(`${event.stream}#${event.streamSequence}`);
  return `${name}  ${service}  ${formatHandling(event, palette)}  ${place}`;
}

function formatHandling({ handling }: JourneyEvent, palette: Palette): string {
  if (handling === undefined) {
    return palette.faint("began the journey".padEnd(31));
  }
  const wait = `waited ${handling.waitMs === undefined ? "?" : formatMs(handling.waitMs)}`.padEnd(15);
  const work = `worked ${formatMs(handling.workMs)}`.padEnd(14);
  const attempt = handling.attempt > 1 ? `  attempt ${handling.attempt}` : "";
  return `${palette.wait(wait)}  ${palette.work(work)}${attempt}`;
}

function formatMs(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}
