// Which dead letters a command means, from its options.

import { encodeKey } from "@throughline/contracts";
import type { DeadLetterFilter } from "@throughline/core";
import { type Command, InvalidArgumentError } from "commander";

export interface FilterOptions {
  readonly service?: string;
  readonly subscription?: string;
  readonly type?: string;
  readonly key?: string;
  readonly fingerprint?: string;
  readonly reason?: string;
  readonly sequence?: number[];
  readonly before?: string;
  readonly after?: string;
}

export function withFilterOptions(command: Command): Command {
  return command
    .option("--service <name>", "of this service")
    .option("--subscription <name>", "of this subscription")
    .option("--type <type>", "events of this type, such as orders.placed")
    .option("--key <key>", "events of this key")
    .option("--fingerprint <fingerprint>", "failures of this cause; `groups` lists them")
    .option("--reason <reason>", "such as attempts-exhausted, crashed-repeatedly, unreadable")
    .option("--sequence <number...>", "these, by their numbers", readSequence)
    .option("--before <time>", "dead before this time, RFC 3339", readTime)
    .option("--after <time>", "dead after this time, RFC 3339", readTime);
}

export function toFilter({ sequence, key, reason, ...rest }: FilterOptions): DeadLetterFilter {
  const { service, subscription, type, fingerprint, before, after } = rest;
  const named = { service, subscription, type, fingerprint, before, after };
  return {
    ...(Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined)) as DeadLetterFilter),
    ...(key !== undefined && { key: encodeKey(key) }),
    ...(reason !== undefined && { reason: reason as NonNullable<DeadLetterFilter["reason"]> }),
    ...(sequence !== undefined && { sequences: sequence }),
  };
}

function readSequence(text: string, before: readonly number[] = []): number[] {
  const sequence = Number(text);
  if (!Number.isSafeInteger(sequence) || sequence < 1) {
    throw new InvalidArgumentError("A number from 1 on.");
  }
  return [...before, sequence];
}

function readTime(text: string): string {
  if (Number.isNaN(Date.parse(text))) {
    throw new InvalidArgumentError("A time such as 2026-01-31T12:00:00Z.");
  }
  return text;
}
