// `throughline reconcile`.

import { nats } from "@throughline/nats";
import { type ReconcileReport, reconcileOutbox } from "@throughline/postgres";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { plural } from "../plural.ts";
import { Progress, paint, type Terminal } from "../terminal.ts";

export interface ReconcileCommandOptions {
  readonly database?: string;
  readonly nats?: string;
  readonly schema: string;
  readonly republish: boolean;
  readonly format: "text" | "json";
}

const shown = 20;

export async function reconcile(options: ReconcileCommandOptions, terminal: Terminal): Promise<ExitCode> {
  const { database, schema, republish, format } = options;
  const progress = new Progress(terminal);
  let report: ReconcileReport;
  try {
    report = await reconcileOutbox({
      transport: nats({ ...(options.nats !== undefined && { servers: options.nats }), connectTimeoutMs: 5_000 }),
      ...(database !== undefined && { url: database }),
      schema,
      republish,
      onProgress: (compared) => progress.show(() => `compared ${compared.toLocaleString("en")} events`),
    });
  } finally {
    progress.end();
  }
  terminal.out(format === "json" ? `${JSON.stringify(report, undefined, 2)}\n` : formatReport(report, terminal));
  return report.lost.length > report.republished ? exitCodes.findings : exitCodes.done;
}

function formatReport({ compared, lost, expired, republished }: ReconcileReport, terminal: Terminal): string {
  const rows = lost.slice(0, shown).map(({ stream, sequence, subject, messageId, sentAt }) => {
    return `  ${paint(terminal, "red", "lost")}  ${stream} ${sequence}  ${subject}  ${messageId}  sent ${sentAt}`;
  });
  const more = lost.length > shown ? [`  … and ${lost.length - shown} more`] : [];
  const summary =
    lost.length === 0
      ? paint(terminal, "green", `${plural(compared, "event")} compared: the streams have them all.`)
      : `${plural(compared, "event")} compared: ${lost.length} lost, ${republished} published again.`;
  return `${[
    ...rows,
    ...more,
    ...(expired > 0 ? [`${plural(expired, "event")} older than what the streams keep: not compared.`] : []),
    summary,
    ...(lost.length > republished
      ? ["Next: throughline reconcile --republish (they go to the end of their streams)"]
      : []),
  ].join("\n")}\n`;
}
