// Brings dead letters back to the subscription that failed: one, then ten, then a hundred at a time, each batch only after
// the one before it was handled. A letter goes away after its redrive is stored, so whatever ends this loses nothing.

import { setTimeout as wait } from "node:timers/promises";
import type { AnyEventContract } from "@throughline/contracts";
import { noteRedrive } from "../publishing/journey-links.ts";
import type { TransportConnection } from "../transport.ts";
import { deadLetterStream } from "./dead-letter.ts";
import { type DeadLetter, readDeadLetter } from "./letter.ts";
import { type DeadLetterFilter, fitsFilter, subjectOfFilter } from "./letter-filter.ts";
import { checkReadability } from "./readability.ts";
import { createRedrive, redriveStream } from "./redrive-message.ts";

export interface RedriveOptions {
  /** Looks and tells, changes nothing. Default false. */
  readonly dryRun?: boolean;
  /** Also what today's contracts cannot read. Default false. */
  readonly force?: boolean;
  /** Go on although redriven events failed again. Default false. */
  readonly continueOnFailure?: boolean;
  /** Sizes of the batches; the last one repeats. Default 1, 10, 100. */
  readonly batches?: readonly number[];
  /** How long a batch may take to be handled, retries included. Default 120,000 ms. */
  readonly batchTimeoutMs?: number;
  /** Cancels between two letters; nothing is lost, and `resume` goes on. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RedriveProgress) => void;
}

export interface RedriveProgress {
  readonly redriven: number;
  readonly handled: number;
  readonly failed: number;
}

export interface RedriveReport extends RedriveProgress {
  readonly job: string;
  /**
   * "stopped": events failed again. "waiting": what was redriven is not handled yet; it stays in line for its service.
   */
  readonly state: "dry-run" | "completed" | "stopped" | "waiting" | "cancelled";
  /** Letters that the filter takes. */
  readonly matching: number;
  /** Left where they are: today's contracts cannot read them. At most 100 are listed. */
  readonly unreadable: number;
  readonly problems: readonly { readonly sequence: number; readonly problem: string }[];
  /** Dead letters of events that failed again. At most 100 are listed. */
  readonly failures: readonly number[];
}

export interface RedriveJob {
  readonly job: string;
  readonly filter: DeadLetterFilter;
  readonly upToSequence: number;
}

const standardBatches = [1, 10, 100];
const standardBatchTimeoutMs = 120_000;
const pollMs = 50;
const maxPollMs = 1_000;
const maxListed = 100;

export class Redrive {
  readonly #connection: TransportConnection;
  readonly #contracts: ReadonlyMap<string, AnyEventContract>;
  readonly #job: RedriveJob;
  readonly #options: RedriveOptions;
  readonly #problems: { sequence: number; problem: string }[] = [];
  readonly #failures: number[] = [];
  #matching = 0;
  #unreadable = 0;
  #redriven = 0;
  #failed = 0;
  /** Dead letters from here on may be of events that failed again. */
  #seenUpTo: number;

  constructor(
    connection: TransportConnection,
    contracts: ReadonlyMap<string, AnyEventContract>,
    job: RedriveJob,
    options: RedriveOptions,
  ) {
    this.#connection = connection;
    this.#contracts = contracts;
    this.#job = job;
    this.#options = options;
    this.#seenUpTo = job.upToSequence;
  }

  async run(): Promise<RedriveReport> {
    const { dryRun = false, signal, batches = standardBatches } = this.#options;
    let batch: DeadLetter[] = [];
    let size = 0;
    for await (const letter of this.#letters()) {
      if (signal?.aborted) {
        return this.#report("cancelled");
      }
      this.#matching++;
      if (!(await this.#isWorthwhile(letter)) || dryRun) {
        continue;
      }
      batch.push(letter);
      if (batch.length >= (batches[Math.min(size, batches.length - 1)] ?? 1)) {
        const state = await this.#send(batch);
        if (state !== "handled") {
          return this.#report(state);
        }
        batch = [];
        size++;
      }
    }
    const state = batch.length === 0 ? "handled" : await this.#send(batch);
    return this.#report(dryRun ? "dry-run" : state === "handled" ? "completed" : state);
  }

  async *#letters(): AsyncGenerator<DeadLetter> {
    const { filter, upToSequence } = this.#job;
    for await (const stored of this.#connection.stored.read(deadLetterStream.name, subjectOfFilter(filter))) {
      if (stored.storedAt.sequence > upToSequence) {
        return;
      }
      const letter = readDeadLetter(stored);
      if (letter !== undefined && fitsFilter(letter, filter)) {
        yield letter.body === undefined ? await this.#withBody(letter) : letter;
      }
    }
  }

  async #withBody(letter: DeadLetter): Promise<DeadLetter> {
    const original = await this.#connection.stored.get(letter.origin.stream, letter.origin.sequence);
    return original === undefined ? letter : { ...letter, body: original.message.body };
  }

  async #isWorthwhile(letter: DeadLetter): Promise<boolean> {
    const readability = await checkReadability(letter, this.#contracts);
    if (typeof readability === "string") {
      return true;
    }
    this.#unreadable++;
    if (this.#problems.length < maxListed) {
      this.#problems.push({ sequence: letter.sequence, problem: readability.problem });
    }
    return this.#options.force === true && letter.body !== undefined;
  }

  async #send(letters: readonly DeadLetter[]): Promise<"handled" | "stopped" | "waiting" | "cancelled"> {
    const sending = await Promise.allSettled(letters.map((letter) => this.#sendOne(letter)));
    for (const sent of sending) {
      if (sent.status === "rejected") {
        throw sent.reason;
      }
    }
    return await this.#awaitOutcome(new Set(letters.map(({ service }) => service)));
  }

  async #sendOne(letter: DeadLetter): Promise<void> {
    const { service, subscription, subject, headers, body, origin, replays, sequence } = letter;
    const storedAt = { ...origin, timeMs: Date.parse(origin.stored) || Date.parse(letter.firstFailure) };
    const message = createRedrive(
      { subject, headers, body: body ?? new Uint8Array() },
      { job: this.#job.job, service, subscription, letter: sequence, replays: replays + 1, storedAt },
    );
    const note = noteRedrive(letter, { job: this.#job.job, replays: replays + 1 });
    await Promise.all([this.#connection.publish(message), note && this.#connection.publish(note)]);
    await this.#connection.stored.delete(deadLetterStream.name, sequence);
    this.#redriven++;
  }

  /** The queue holds an event until it is handled, or a dead letter again. */
  async #awaitOutcome(services: ReadonlySet<string>): Promise<"handled" | "stopped" | "waiting" | "cancelled"> {
    const { batchTimeoutMs = standardBatchTimeoutMs, continueOnFailure = false, signal, onProgress } = this.#options;
    const deadline = performance.now() + batchTimeoutMs;
    for (let pauseMs = pollMs; ; pauseMs = Math.min(pauseMs * 1.5, maxPollMs)) {
      const waiting = await Promise.all(
        [...services].map((service) => this.#connection.stored.count(redriveStream.name, `redrive.${service}.>`)),
      );
      const pending = waiting.reduce((sum, count) => sum + count, 0);
      await this.#countFailures();
      onProgress?.({ redriven: this.#redriven, handled: this.#handled(pending), failed: this.#failed });
      if (this.#failed > 0 && !continueOnFailure) {
        return "stopped";
      }
      if (pending === 0) {
        return "handled";
      }
      if (signal?.aborted) {
        return "cancelled";
      }
      if (performance.now() > deadline) {
        return "waiting";
      }
      await wait(pauseMs);
    }
  }

  async #countFailures(): Promise<void> {
    const { filter, job } = this.#job;
    const last = await this.#connection.stored.lastSequence(deadLetterStream.name);
    if (last <= this.#seenUpTo) {
      return;
    }
    const subject = subjectOfFilter(filter);
    for await (const stored of this.#connection.stored.read(deadLetterStream.name, subject, this.#seenUpTo + 1)) {
      const letter = readDeadLetter(stored);
      this.#seenUpTo = Math.max(this.#seenUpTo, stored.storedAt.sequence);
      if (letter?.job === job) {
        this.#failed++;
        if (this.#failures.length < maxListed) {
          this.#failures.push(letter.sequence);
        }
      }
    }
  }

  #handled(pending: number): number {
    return Math.max(0, this.#redriven - this.#failed - pending);
  }

  #report(state: RedriveReport["state"]): RedriveReport {
    const handled = state === "completed" ? this.#redriven - this.#failed : 0;
    return {
      job: this.#job.job,
      state,
      matching: this.#matching,
      redriven: this.#redriven,
      handled,
      failed: this.#failed,
      unreadable: this.#unreadable,
      problems: this.#problems,
      failures: this.#failures,
    };
  }
}
