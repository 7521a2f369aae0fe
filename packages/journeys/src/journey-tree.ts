// A journey as a tree for the terminal: what happened, who did it, what it waited for and how long it worked.

import { findCriticalPath } from "./critical-path.ts";
import { formatMs } from "./durations.ts";
import type { Journey, JourneyEvent, JourneyNode } from "./journey.ts";
import type { DeliveryProgress, DeliveryState } from "./progress.ts";
import type { JourneyAttempt } from "./spans.ts";

export interface TreeOptions {
  /** ANSI colours. Default: none. */
  readonly color?: boolean;
  /** The base address of a Jaeger, to link the traces. Default: none. */
  readonly jaegerUrl?: string;
}

type Paint = (text: string) => string;

interface Palette {
  readonly type: Paint;
  readonly service: Paint;
  readonly wait: Paint;
  readonly work: Paint;
  readonly faint: Paint;
  readonly bad: Paint;
}

const plain: Paint = (text) => text;
const ansi =
  (code: number): Paint =>
  (text) =>
    `\u001b[${code}m${text}\u001b[0m`;
const monochrome: Palette = { type: plain, service: plain, wait: plain, work: plain, faint: plain, bad: plain };
const colorful: Palette = {
  type: ansi(1),
  service: ansi(36),
  wait: ansi(33),
  work: ansi(32),
  faint: ansi(2),
  bad: ansi(31),
};

/**
 * One line an event, children below their cause; below each event the attempts at it where spans are given, who is not done with
 * it, and why. Then the critical path and the traces.
 */
export function formatJourneyTree(journey: Journey, { color = false, jaegerUrl }: TreeOptions = {}): string {
  const palette = color ? colorful : monochrome;
  const rows = journey.roots.flatMap((root) => listRows(root, "", ""));
  const width = Math.max(0, ...rows.map(({ branch, event }) => branch.length + event.type.length));
  const serviceWidth = Math.max(0, ...rows.map(({ event }) => event.service.length));
  const lines = rows.flatMap(({ branch, indent, event }) => [
    formatRow(branch, event, width, serviceWidth, palette),
    ...event.attempts.flatMap((one) => formatAttempt(indent, one, palette)),
    ...event.deliveries
      .filter(({ state, redriven }) => state !== "handled" || redriven !== undefined)
      .map((one) => formatOpen(indent, one, palette)),
  ]);
  const path = findCriticalPath(journey);
  const time = `${journey.events.length} events in ${formatMs(path.totalMs)}`;
  const parts = `longest path: waited ${formatMs(path.waitMs)}, worked ${formatMs(path.workMs)}`;
  return [...lines, palette.faint(`${time}   ${parts}`), ...listTraces(journey, jaegerUrl).map(palette.faint)].join(
    "\n",
  );
}

function listTraces({ traceIds }: Journey, jaegerUrl: string | undefined): string[] {
  return traceIds.map((id) =>
    jaegerUrl === undefined ? `trace ${id}` : `trace ${new URL(`/trace/${id}`, jaegerUrl).href}`,
  );
}

const stateWords = {
  handled: "was handled by",
  waiting: "waits for",
  "under-way": "is with",
  failing: "fails at",
  dead: "is a dead letter of",
} as const;

function formatAttempt(
  indent: string,
  { durable, attempt, durationMs, error, inside }: JourneyAttempt,
  palette: Palette,
): string[] {
  const outcome = (failure: string | undefined) => (failure === undefined ? "" : palette.bad(`  failed: ${failure}`));
  const work = palette.work(formatMs(durationMs));
  return [
    `${palette.faint(indent)}${palette.faint(`· ${durable}, attempt ${attempt}:`)} ${work}${outcome(error)}`,
    ...inside.map(
      ({ name, durationMs, error }) =>
        `${palette.faint(`${indent}    ${name}`)}  ${palette.work(formatMs(durationMs))}${outcome(error)}`,
    ),
  ];
}

function formatOpen(
  indent: string,
  { durable, state, failures, error, deadLetter, redriven }: DeliveryProgress,
  palette: Palette,
) {
  const attempts = failures > 0 ? `, ${failures} failed attempt${failures === 1 ? "" : "s"}` : "";
  const why = error === undefined ? "" : `: ${error.name}: ${error.message}`;
  const letter = deadLetter === undefined ? "" : ` (#${deadLetter.sequence}, ${deadLetter.reason})`;
  const again = redriven === undefined ? "" : `, redriven ${formatTimes(redriven.times)} (${redriven.time})`;
  const paint = paintOf(state, palette);
  return `${palette.faint(indent)}${paint(`· ${stateWords[state]} ${durable}${letter}${again}${attempts}${why}`)}`;
}

function paintOf(state: DeliveryState, palette: Palette): Paint {
  switch (state) {
    case "dead":
    case "failing":
      return palette.bad;
    case "handled":
      return palette.faint;
    default:
      return palette.wait;
  }
}

function formatTimes(times: number): string {
  return times === 1 ? "once" : `${times} times`;
}

interface Row {
  readonly branch: string;
  /** What stands before further lines of the event. */
  readonly indent: string;
  readonly event: JourneyEvent;
}

function listRows({ event, effects }: JourneyNode, branch: string, indent: string): Row[] {
  const below = effects.flatMap((effect, index) => {
    const last = index === effects.length - 1;
    return listRows(effect, `${indent}${last ? "└─ " : "├─ "}`, `${indent}${last ? "   " : "│  "}`);
  });
  return [{ branch, indent: `${indent}${effects.length > 0 ? "│ " : "  "}`, event }, ...below];
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
