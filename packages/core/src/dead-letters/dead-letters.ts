// What an operator does with dead letters: list, group, show, redrive, discard. Everything that changes something is
// written down with a name.

import { type AnyEventContract, createEventId, ThroughlineError } from "@throughline/contracts";
import { journeyStream } from "../publishing/journey-links.ts";
import { type Logger, silentLogger } from "../telemetry/logger.ts";
import type { Transport, TransportConnection } from "../transport.ts";
import { Audit, type AuditRecord, auditStream } from "./audit.ts";
import { deadLetterStream } from "./dead-letter.ts";
import { type DeadLetter, readDeadLetter } from "./letter.ts";
import { type DeadLetterFilter, fitsFilter, requireFilter, subjectOfFilter } from "./letter-filter.ts";
import { Redrive, type RedriveJob, type RedriveOptions, type RedriveReport } from "./redrive.ts";
import { redriveStream } from "./redrive-message.ts";

export interface DeadLettersOptions {
  readonly transport: Transport;
  /** Who does it, for the audit. */
  readonly operator: string;
  /** Today's contracts: what they cannot read is not redriven unless forced. */
  readonly contracts?: readonly AnyEventContract[];
  readonly logger?: Logger;
}

/** Failures of one cause in one subscription. */
export interface DeadLetterGroup {
  readonly fingerprint: string;
  readonly service: string;
  readonly subscription: string;
  readonly reason: DeadLetter["reason"];
  readonly error: DeadLetter["error"];
  readonly count: number;
  readonly first: string;
  readonly last: string;
  /** One of them, to look at. */
  readonly sample: number;
}

export interface DiscardReport {
  readonly job: string;
  readonly discarded: number;
}

export interface DeadLetters extends AsyncDisposable {
  /** Oldest first. */
  list(filter?: DeadLetterFilter, options?: { readonly limit?: number }): AsyncIterable<DeadLetter>;
  /** Largest first. */
  groups(filter?: DeadLetterFilter): Promise<readonly DeadLetterGroup[]>;
  show(sequence: number): Promise<DeadLetter | undefined>;
  /**
   * Brings what fits the filter back to the subscription that failed, and to no other: 1, then 10, then 100 at a time,
   * each batch after the one before was handled; stops when an event fails again. What the process does not live to do
   * stays a dead letter, and `resume` goes on. Events begin a new trace that links to the old one.
   * @throws BUS_FILTER_INVALID for an empty filter
   */
  redrive(filter: DeadLetterFilter, options?: RedriveOptions): Promise<RedriveReport>;
  /** Goes on with a redrive that did not come to its end. @throws BUS_REDRIVE_UNKNOWN */
  resume(job: string, options?: RedriveOptions): Promise<RedriveReport>;
  /** Deletes what fits the filter, for a reason that is kept. @throws BUS_FILTER_INVALID for an empty filter */
  discard(filter: DeadLetterFilter, options: { readonly reason: string }): Promise<DiscardReport>;
  /** Every step of every job, oldest first. */
  audit(job?: string): AsyncIterable<AuditRecord>;
}

const auditedAtOnce = 1_000;

/** Opens a connection for the operator. @throws NATS_UNREACHABLE, NATS_UNAUTHORIZED */
export async function openDeadLetters(options: DeadLettersOptions): Promise<DeadLetters> {
  const { transport, operator, contracts = [], logger = silentLogger } = options;
  const connection = await transport.connect({ service: "throughline-operator", logger });
  try {
    await connection.provision({
      streams: [deadLetterStream, redriveStream, auditStream, journeyStream],
      subscriptions: [],
    });
  } catch (error) {
    await connection.close();
    throw error;
  }
  return new StoredDeadLetters(connection, operator, new Map(contracts.map((contract) => [contract.type, contract])));
}

class StoredDeadLetters implements DeadLetters {
  readonly #connection: TransportConnection;
  readonly #operator: string;
  readonly #contracts: ReadonlyMap<string, AnyEventContract>;
  readonly #audit: Audit;

  constructor(connection: TransportConnection, operator: string, contracts: ReadonlyMap<string, AnyEventContract>) {
    this.#connection = connection;
    this.#operator = operator;
    this.#contracts = contracts;
    this.#audit = new Audit(connection);
  }

  async *list(filter: DeadLetterFilter = {}, { limit = Number.POSITIVE_INFINITY } = {}): AsyncGenerator<DeadLetter> {
    let left = limit;
    for await (const stored of this.#connection.stored.read(deadLetterStream.name, subjectOfFilter(filter))) {
      const letter = readDeadLetter(stored);
      if (letter !== undefined && fitsFilter(letter, filter)) {
        if (left-- <= 0) {
          return;
        }
        yield letter;
      }
    }
  }

  async groups(filter: DeadLetterFilter = {}): Promise<readonly DeadLetterGroup[]> {
    const groups = new Map<string, DeadLetterGroup>();
    for await (const letter of this.list(filter)) {
      const { fingerprint, service, subscription, reason, error, deadSince, sequence } = letter;
      const id = [fingerprint, service, subscription, reason].join(" ");
      const group = groups.get(id) ?? {
        ...{ fingerprint, service, subscription, reason, error },
        ...{ count: 0, first: deadSince, sample: sequence },
        last: deadSince,
      };
      groups.set(id, { ...group, count: group.count + 1, last: deadSince });
    }
    return [...groups.values()].sort((a, b) => b.count - a.count);
  }

  async show(sequence: number): Promise<DeadLetter | undefined> {
    const stored = await this.#connection.stored.get(deadLetterStream.name, sequence);
    return stored && readDeadLetter(stored);
  }

  async redrive(filter: DeadLetterFilter, options: RedriveOptions = {}): Promise<RedriveReport> {
    requireFilter(filter);
    const upToSequence = await this.#connection.stored.lastSequence(deadLetterStream.name);
    return await this.#run({ job: createEventId(), filter, upToSequence }, "redrive-started", options);
  }

  async resume(job: string, options: RedriveOptions = {}): Promise<RedriveReport> {
    for await (const { step, filter, upToSequence, force } of this.#audit.read(job)) {
      if (step === "redrive-started") {
        const again = force === undefined ? options : { force, ...options };
        return await this.#run({ job, filter, upToSequence }, "redrive-resumed", again);
      }
    }
    throw new ThroughlineError("BUS_REDRIVE_UNKNOWN", `The audit knows no redrive ${job}.`, { details: { job } });
  }

  async discard(filter: DeadLetterFilter, { reason }: { readonly reason: string }): Promise<DiscardReport> {
    requireFilter(filter);
    const job = createEventId();
    const upToSequence = await this.#connection.stored.lastSequence(deadLetterStream.name);
    let discarded = 0;
    let sequences: number[] = [];
    const discardThese = async () => {
      // The audit first: what is gone must not be unexplained.
      await this.#write({ job, filter, upToSequence }, "discarded", { reason, sequences });
      await Promise.all(sequences.map((sequence) => this.#connection.stored.delete(deadLetterStream.name, sequence)));
      discarded += sequences.length;
      sequences = [];
    };
    for await (const { sequence } of this.list(filter)) {
      if (sequence > upToSequence) {
        break;
      }
      sequences.push(sequence);
      if (sequences.length === auditedAtOnce) {
        await discardThese();
      }
    }
    await discardThese();
    return { job, discarded };
  }

  audit(job?: string): AsyncIterable<AuditRecord> {
    return this.#audit.read(job);
  }

  async #run(job: RedriveJob, step: AuditRecord["step"], options: RedriveOptions): Promise<RedriveReport> {
    const redrive = new Redrive(this.#connection, this.#contracts, job, options);
    if (options.dryRun) {
      return await redrive.run();
    }
    await this.#write(job, step, options.force === undefined ? {} : { force: options.force });
    const report = await redrive.run();
    const { state, matching, redriven, handled, failed, unreadable } = report;
    await this.#write(job, "redrive-ended", { outcome: { state, matching, redriven, handled, failed, unreadable } });
    return report;
  }

  async #write(job: RedriveJob, step: AuditRecord["step"], more: Partial<AuditRecord>): Promise<void> {
    await this.#audit.write({ ...job, step, operator: this.#operator, at: new Date().toISOString(), ...more });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }
}
