// What this instance knows of leases, from what it saw change and when: no clock but its own matters.

import type { LeaseRecord } from "../transport.ts";

interface Seen {
  readonly record: LeaseRecord;
  readonly changedAtMs: number;
}

const memberPrefix = "member-";
const partitionPrefix = "partition-";

export function memberName(instance: string): string {
  return memberPrefix + instance;
}

export function partitionName(partition: number): string {
  return partitionPrefix + partition;
}

/** Written by its owner while it has the partition; empty when it was given up. */
export const givenUp = "";

export class LeaseTable {
  readonly #leaseMs: number;
  readonly #seen = new Map<string, Seen>();

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  observe(records: readonly LeaseRecord[], nowMs: number): void {
    for (const record of records) {
      if (this.#seen.get(record.name)?.record.revision !== record.revision) {
        this.#seen.set(record.name, { record, changedAtMs: nowMs });
      }
    }
  }

  /** Instances that renewed their record lately. */
  members(nowMs: number): string[] {
    return [...this.#seen.values()]
      .filter(({ record, changedAtMs }) => this.#isAlive(record, changedAtMs, nowMs))
      .flatMap(({ record }) => (record.name.startsWith(memberPrefix) ? [record.name.slice(memberPrefix.length)] : []));
  }

  /** Partitions that somebody may claim. */
  free(partitions: number, nowMs: number): number[] {
    return Array.from({ length: partitions }, (_, partition) => partition).filter((partition) => {
      const seen = this.#seen.get(partitionName(partition));
      return seen === undefined || !this.#isAlive(seen.record, seen.changedAtMs, nowMs);
    });
  }

  revisionOf(partition: number): number {
    return this.#seen.get(partitionName(partition))?.record.revision ?? 0;
  }

  /** Whether its last owner left it in order. Where nobody is known, somebody may be forgotten. */
  wasGivenUp(partition: number): boolean {
    return this.#seen.get(partitionName(partition))?.record.value === givenUp;
  }

  #isAlive({ value }: LeaseRecord, changedAtMs: number, nowMs: number): boolean {
    return value !== givenUp && nowMs - changedAtMs < this.#leaseMs;
  }
}
