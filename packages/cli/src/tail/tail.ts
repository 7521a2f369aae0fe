// `throughline tail`: events as they are published.

import { readEvent } from "@throughline/contracts";
import { openStoredEvents, type StoredEventsReader } from "@throughline/nats";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import type { NatsOption } from "../nats-option.ts";
import { oneLine } from "../table.ts";
import { paint, type Terminal } from "../terminal.ts";

export interface TailOptions extends NatsOption {
  readonly json: boolean;
  readonly data: boolean;
  readonly key?: string;
  readonly service?: string;
  readonly correlation?: string;
  /** End after so many. */
  readonly count?: number;
}

/** The part of a message that a line shows. */
interface Line {
  readonly time: string;
  readonly type: string;
  readonly key: string;
  readonly service: string;
  readonly id: string;
  readonly correlationId: string;
  readonly data: string;
}

export async function tailEvents(
  types: readonly string[],
  options: TailOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  await using reader = await openStoredEvents(options.nats);
  const contexts = await reader.contexts();
  if (contexts.length === 0) {
    terminal.err("No stream holds events yet: start a service first.\n");
    return exitCodes.findings;
  }
  const ending = new AbortController();
  const signal = terminal.signal === undefined ? ending.signal : AbortSignal.any([ending.signal, terminal.signal]);
  let shown = 0;
  const show = (line: Line) => {
    if (fits(line, types, options) && !signal.aborted) {
      terminal.out(format(line, options, terminal));
      if (++shown === options.count) {
        ending.abort();
      }
    }
  };
  terminal.err(`Following ${contexts.join(", ")}; Ctrl-C ends it.\n`);
  await Promise.all(contexts.map((context) => follow(reader, context, signal, show)));
  return terminal.signal?.aborted ? exitCodes.interrupted : exitCodes.done;
}

async function follow(
  reader: StoredEventsReader,
  context: string,
  signal: AbortSignal,
  show: (line: Line) => void,
): Promise<void> {
  for await (const { message, storedAt } of reader.follow(`${context}.*.*`, signal)) {
    try {
      const { id, type, key, source, time, correlationId } = readEvent(message, storedAt).envelope;
      const service = source.replace(/^\//, "");
      show({ time, type, key, service, id, correlationId, data: Buffer.from(message.body).toString("utf8") });
    } catch (error) {
      const data = error instanceof Error ? error.message : String(error);
      const unknown = { time: new Date().toISOString(), id: "", key: "", service: "", correlationId: "" };
      show({ ...unknown, type: message.subject, data });
    }
  }
}

function fits(line: Line, types: readonly string[], { key, service, correlation }: TailOptions): boolean {
  return (
    (types.length === 0 || types.some((type) => line.type === type || line.type.startsWith(`${type}.`))) &&
    (key === undefined || line.key === key) &&
    (service === undefined || line.service === service) &&
    (correlation === undefined || line.correlationId === correlation)
  );
}

function format(line: Line, { json, data }: TailOptions, terminal: Terminal): string {
  if (json) {
    return `${JSON.stringify(line)}\n`;
  }
  const clock = paint(terminal, "dim", line.time.slice(11, 23));
  const type = paint(terminal, "bold", oneLine(line.type).padEnd(24));
  const service = paint(terminal, "cyan", oneLine(line.service).padEnd(14));
  const body = data ? `\n  ${oneLine(line.data, 2_000)}` : "";
  return `${clock}  ${type}  ${service}  ${oneLine(line.key)}${body}\n`;
}
