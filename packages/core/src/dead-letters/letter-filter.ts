// Which dead letters are meant.

import { ThroughlineError } from "@throughline/contracts";
import type { DeadLetterReason } from "./dead-letter.ts";
import type { DeadLetter } from "./letter.ts";

/** All that is named has to fit. */
export interface DeadLetterFilter {
  readonly service?: string;
  readonly subscription?: string;
  /** Such as `orders.placed`. */
  readonly type?: string;
  /** As in the subject, percent-encoded. */
  readonly key?: string;
  readonly fingerprint?: string;
  readonly reason?: DeadLetterReason;
  readonly sequences?: readonly number[];
  /** Became dead letters before or after this time: RFC 3339. */
  readonly before?: string;
  readonly after?: string;
}

const names = ["service", "subscription", "type", "key", "fingerprint", "reason", "sequences", "before", "after"];

/** What changes anything needs a filter that says something: nobody redrives everything by accident. @throws BUS_FILTER_INVALID */
export function requireFilter(filter: DeadLetterFilter): void {
  const named = names.filter((name) => filter[name as keyof DeadLetterFilter] !== undefined);
  if (named.length === 0 || filter.sequences?.length === 0) {
    throw new ThroughlineError("BUS_FILTER_INVALID", "The filter is empty: it would take every dead letter.");
  }
}

/** The narrowest subject that holds what fits; a service's and a subscription's names are one token each. */
export function subjectOfFilter({ service = "*", subscription = "*", type = "*.*", key }: DeadLetterFilter): string {
  return `dead.${service}.${subscription}.${type}.${key ?? ">"}`;
}

export function fitsFilter(letter: DeadLetter, filter: DeadLetterFilter): boolean {
  const same = (["service", "subscription", "type", "key", "fingerprint", "reason"] as const).every(
    (name) => filter[name] === undefined || filter[name] === letter[name],
  );
  return (
    same &&
    (filter.sequences === undefined || filter.sequences.includes(letter.sequence)) &&
    (filter.before === undefined || Date.parse(letter.deadSince) < Date.parse(filter.before)) &&
    (filter.after === undefined || Date.parse(letter.deadSince) > Date.parse(filter.after))
  );
}
