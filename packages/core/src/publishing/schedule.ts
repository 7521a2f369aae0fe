// When an event is to be published, if not now: once at a time, once after a while, or again and again.

import { type AnyEventContract, ThroughlineError } from "@throughline/contracts";

/**
 * The stream keeps a scheduled event until its time has come; no process of yours has to run meanwhile.
 * Needs nats-server 2.12, for `cron` 2.14.
 */
export type Schedule =
  /** Once, at this time; a time in the past means now. */
  | { readonly at: Date; readonly name?: string }
  /** Once, this many milliseconds from now. */
  | { readonly afterMs: number; readonly name?: string }
  /**
   * Again and again: six fields (seconds first), such as `0 30 8 * * *`, or `@every 5m`. A cron schedule has a name, by
   * which it is replaced and cancelled; starting a service anew sets the same schedule, not a second one.
   */
  | { readonly cron: string; readonly timeZone?: string; readonly name: string };

/** When a transport has to store the message, in terms of the wire. */
export interface MessageSchedule {
  /** Where the message waits: `<context>._scheduled.<event>.<name>`. */
  readonly subject: string;
  readonly timing: { readonly atMs: number } | { readonly cron: string; readonly timeZone?: string };
}

const maxCronLength = 256;

/** The timing of a schedule on the clock `now`. @throws BUS_PUBLISH_INVALID */
export function timingOfSchedule(
  { type, schedulable }: AnyEventContract,
  schedule: Schedule,
  now: number,
): MessageSchedule["timing"] {
  if (!schedulable) {
    throw new ThroughlineError("BUS_PUBLISH_INVALID", `${type} is not declared to be published for later.`, {
      details: { type },
      remedy: `Declare it with \`schedulable: true\`: defineEvent("${type}", { key, schedulable: true }).`,
    });
  }
  if ("cron" in schedule) {
    const { cron, timeZone, name } = schedule;
    if (!isHeaderText(cron) || cron.length > maxCronLength || !isHeaderText(timeZone ?? "UTC") || !name) {
      throw invalidSchedule('a cron schedule has a `name` and six fields, such as "0 30 8 * * *"', schedule);
    }
    return timeZone === undefined ? { cron } : { cron, timeZone };
  }
  const atMs = "at" in schedule ? schedule.at.getTime() : now + schedule.afterMs;
  if (!Number.isFinite(atMs) || ("afterMs" in schedule && schedule.afterMs < 0)) {
    throw invalidSchedule("`at` is a valid Date and `afterMs` a number from 0", schedule);
  }
  return { atMs };
}

function isHeaderText(text: string): boolean {
  return /^[ -~]+$/.test(text);
}

function invalidSchedule(expected: string, schedule: Schedule): ThroughlineError {
  return new ThroughlineError("BUS_PUBLISH_INVALID", `The schedule is invalid: ${expected}.`, {
    details: { expected, found: schedule },
  });
}
