// `throughline journey`: everything that an order, an event or a journey's id caused.

import { setTimeout as wait } from "node:timers/promises";
import {
  type FoundJourney,
  findCriticalPath,
  findJourney,
  formatJourneyMermaid,
  formatJourneySequence,
  formatJourneyTree,
  type JourneySource,
} from "@throughline/journeys";
import { openStoredEvents } from "@throughline/nats";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import type { NatsOption } from "../nats-option.ts";
import { oneLine } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { addJaegerSpans } from "./jaeger-spans.ts";

export interface JourneyOptions extends NatsOption {
  readonly json: boolean;
  readonly mermaid: boolean;
  readonly sequence: boolean;
  readonly watch: boolean;
  readonly jaeger?: string;
  readonly spans: boolean;
}

const watchEveryMs = 500;

export async function showJourney(id: string, options: JourneyOptions, terminal: Terminal): Promise<ExitCode> {
  if (options.spans && options.jaeger === undefined) {
    terminal.err("--spans needs to know where Jaeger is. Next: --jaeger <url>, or JAEGER_URL.\n");
    return exitCodes.usage;
  }
  await using source = await openStoredEvents(options.nats);
  if (options.watch) {
    return await watch(source, id, options, terminal);
  }
  const found = await findJourney(source, id);
  if (found === undefined) {
    terminal.err(
      `Nothing is stored under "${oneLine(id)}": it is neither the key of an event nor the id of an event or a journey.\n` +
        `What cannot be read as an event has no journey. Next: throughline dead-letters list --key ${oneLine(id)}\n`,
    );
    return exitCodes.findings;
  }
  terminal.out(format(await withSpans(found, options, terminal), options, terminal));
  return exitCodes.done;
}

/** A journey without spans is better than none: where Jaeger does not answer, that is said beside it. */
async function withSpans(found: FoundJourney, options: JourneyOptions, terminal: Terminal): Promise<FoundJourney> {
  const { jaeger, spans } = options;
  if (!spans || jaeger === undefined) {
    return found;
  }
  const { journey, problem } = await addJaegerSpans(found.journey, jaeger);
  if (problem !== undefined) {
    terminal.err(`Shown without spans: ${problem}\n`);
  }
  return { ...found, journey };
}

/** Draws again whenever something has changed, until nothing is left to do or somebody has seen enough. */
async function watch(
  source: JourneySource,
  id: string,
  options: JourneyOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const { signal, out, isInteractive } = terminal;
  const quiet = { ...terminal, err: () => undefined };
  for (let shown = ""; !signal?.aborted; ) {
    const found = await findJourney(source, id);
    const text = found === undefined ? "" : format(await withSpans(found, options, quiet), options, terminal);
    if (text !== shown) {
      const linesAbove = shown.split("\n").length - 1;
      out(isInteractive && !options.json && shown !== "" ? `\u001b[${linesAbove}A\u001b[J${text}` : text);
      shown = text;
    }
    if (found?.journey.isAtRest === true) {
      return exitCodes.done;
    }
    await wait(watchEveryMs, undefined, { ...(signal && { signal }) }).catch(() => undefined);
  }
  return exitCodes.interrupted;
}

function format({ journey, others }: FoundJourney, options: JourneyOptions, terminal: Terminal): string {
  const { json, mermaid, sequence, jaeger } = options;
  if (json) {
    const { events, waitMs, workMs, totalMs } = findCriticalPath(journey);
    const criticalPath = { events: events.map(({ id }) => id), waitMs, workMs, totalMs };
    return `${JSON.stringify({ ...journey, roots: undefined, criticalPath, others })}\n`;
  }
  if (mermaid) {
    return `${formatJourneyMermaid(journey)}\n`;
  }
  if (sequence) {
    return `${formatJourneySequence(journey)}\n`;
  }
  const tree = formatJourneyTree(journey, { color: terminal.color, ...(jaeger && { jaegerUrl: jaeger }) });
  const more = others.length === 0 ? "" : `\n${others.length} earlier under this key: ${others.join(", ")}`;
  return `${tree}${more}\n`;
}
