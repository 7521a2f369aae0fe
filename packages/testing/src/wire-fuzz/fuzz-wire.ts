// Feeds a service hostile messages through a real server, and holds it to what is promised: nothing crashes, nothing gets
// lost, everything that cannot be read ends in the dead letters with a reason, and memory does not grow with it.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  createConsoleLogger,
  deadLetterStream,
  defineService,
  run,
  silentLogger,
  type Transport,
  type TransportConnection,
} from "@throughline/core";
import { eventually } from "../eventually.ts";
import { defineItem } from "../item-contract.ts";
import { SeededRandom } from "../simulation/seeded-random.ts";
import { type Expectation, makeHostileMessage } from "./hostile-message.ts";
import { RawPublisher } from "./raw-publisher.ts";

export interface WireFuzzOptions {
  readonly transport: () => Transport;
  /** Of a server that takes payloads of 2 MiB. */
  readonly url: string;
  readonly inputs: number;
  readonly seed: number;
  readonly onProgress?: (published: number) => void;
  readonly isVerbose?: boolean;
}

export interface WireFuzzResult {
  readonly stored: number;
  readonly handled: number;
  readonly deadLetters: number;
  /** What the server itself refused. */
  readonly refused: number;
  /** How much more is in use after it than after the first round, both after a collection. */
  readonly heapGrowthBytes: number;
  /** What was not as promised; empty is good. */
  readonly violations: readonly string[];
  readonly byKind: Readonly<Record<string, number>>;
}

const roundSize = 500;
/** Nobody comes who knows a newer version. */
const policy = { newerVersion: { attempts: 1 } } as const;

/** Publishes in rounds, each of which has to be settled before the next. */
export async function fuzzWire(options: WireFuzzOptions): Promise<WireFuzzResult> {
  const { transport, url, inputs, seed, onProgress } = options;
  const random = new SeededRandom(seed);
  const context = `fuzz${seed}`;
  const Item = defineItem(`${context}.item`);
  /** Of this round: how often each was handled. */
  const handled = new Map<number, number>();
  const logger = options.isVerbose === true ? createConsoleLogger() : silentLogger;
  const reader = defineService("reader").on(Item, { name: "items", policy }, (_item, { event }) => {
    const number = numberOf(event.key);
    handled.set(number, (handled.get(number) ?? 0) + 1);
  });
  await using service = await run(reader, { transport: transport(), logger, signals: false });
  const connection = await transport().connect({ service: "fuzz", logger });
  await using publisher = await RawPublisher.open(url);
  const tally = new Tally(connection, context);
  let heapBefore: number | undefined;
  let handledInAll = 0;
  for (let published = 0; published < inputs; ) {
    const expectations = new Map<number, { readonly kind: string; readonly expectation: Expectation }>();
    for (; published < inputs && expectations.size < roundSize; published++) {
      const message = makeHostileMessage(random, Item.type, published);
      expectations.set(published, message);
      publisher.publish(message);
    }
    await publisher.flush();
    await tally.fence(published);
    await tally.settle(expectations, handled);
    handledInAll += handled.size;
    handled.clear();
    heapBefore ??= usedHeapBytes();
    onProgress?.(published);
    if (service.health().status !== "ready") {
      tally.violations.push(`after ${published}: ${service.health().problems.join("; ")}`);
    }
  }
  const heapGrowthBytes = usedHeapBytes() - (heapBefore ?? 0);
  await connection.close();
  return {
    stored: tally.stored,
    handled: handledInAll,
    deadLetters: tally.deadLetters,
    refused: inputs - tally.stored,
    heapGrowthBytes,
    violations: tally.violations,
    byKind: tally.byKind,
  };
}

/** Compares what is stored with what was handled and what became a dead letter. */
class Tally {
  readonly violations: string[] = [];
  readonly byKind: Record<string, number> = {};
  stored = 0;
  deadLetters = 0;
  readonly #connection: TransportConnection;
  readonly #context: string;
  #nextSequence = 1;
  #nextLetter = 1;

  constructor(connection: TransportConnection, context: string) {
    this.#connection = connection;
    this.#context = context;
  }

  /** A stream takes messages in their order: once this one is confirmed, whatever it took before is stored. */
  async fence(number: number): Promise<void> {
    const subject = `${this.#context}.fence.after-${number}`;
    await this.#connection.publish({ subject, headers: new Map(), body: "{}", messageId: subject, orderKey: "fence" });
  }

  async settle(
    expectations: ReadonlyMap<number, { readonly kind: string; readonly expectation: Expectation }>,
    handled: ReadonlyMap<number, number>,
  ): Promise<void> {
    const stored = await this.#readStored();
    const letters = new Map<number, { readonly code: string; readonly reason: string }>();
    const isSettled = async () => {
      await this.#readLetters(letters);
      return stored.every((number) => handled.has(number) || letters.has(number));
    };
    await eventually(isSettled, { timeoutMs: 60_000, intervalMs: 50 }).catch(() => undefined);
    for (const number of stored) {
      const { kind, expectation } = expectations.get(number) ?? { kind: "unknown", expectation: "settled" };
      const letter = letters.get(number);
      const problem = problemOf(expectation, handled.get(number) ?? 0, letter);
      this.byKind[kind] = (this.byKind[kind] ?? 0) + 1;
      if (problem !== undefined) {
        this.violations.push(`message ${number} (${kind}): ${problem}`);
      }
    }
    for (const number of handled.keys()) {
      if (!expectations.has(number)) {
        this.violations.push(`message ${number} was handled again, long after it was settled`);
      }
    }
    this.stored += stored.length;
    this.deadLetters += letters.size;
  }

  async #readStored(): Promise<number[]> {
    const numbers: number[] = [];
    for await (const { message, storedAt } of this.#connection.stored.read(
      this.#context.toUpperCase(),
      `${this.#context}.item.>`,
      this.#nextSequence,
    )) {
      this.#nextSequence = storedAt.sequence + 1;
      numbers.push(numberOf(message.subject.slice(message.subject.lastIndexOf(".k") + 1)));
    }
    return numbers;
  }

  async #readLetters(letters: Map<number, { code: string; reason: string }>): Promise<void> {
    for await (const letter of this.#connection.stored.read(
      deadLetterStream.name,
      `dead.reader.items.${this.#context}.>`,
      this.#nextLetter,
    )) {
      this.#nextLetter = letter.storedAt.sequence + 1;
      const { headers } = letter.message;
      const subject = headers.get("throughline-dead-subject") ?? "";
      const number = numberOf(subject.slice(subject.lastIndexOf(".k") + 1));
      if (letters.has(number)) {
        this.violations.push(`message ${number} has two dead letters`);
      }
      letters.set(number, {
        code: headers.get("throughline-dead-error-name") ?? "",
        reason: headers.get("throughline-dead-reason") ?? "",
      });
    }
  }
}

function problemOf(
  expectation: Expectation,
  timesHandled: number,
  letter: { readonly code: string; readonly reason: string } | undefined,
): string | undefined {
  if (timesHandled === 0 && letter === undefined) {
    return "neither handled nor among the dead letters";
  }
  if (timesHandled > 0 && letter !== undefined) {
    return `handled, and among the dead letters for ${letter.code}`;
  }
  if (timesHandled > 1) {
    return `handled ${timesHandled} times`;
  }
  if (letter !== undefined && !/^(?:unreadable|version-unknown)$/.test(letter.reason)) {
    return `a dead letter for "${letter.reason}"`;
  }
  if (expectation === "handled") {
    return letter === undefined ? undefined : `expected to be handled; a dead letter for ${letter.code}`;
  }
  if (expectation === "settled") {
    return undefined;
  }
  return letter !== undefined && expectation.codes.includes(letter.code)
    ? undefined
    : `expected a dead letter for ${expectation.codes.join(" or ")}; ${letter === undefined ? "handled" : letter.code}`;
}

function numberOf(key: string): number {
  return Number(/^k(\d+)/.exec(key)?.[1] ?? Number.NaN);
}

/** After a full collection: what is in use, not what waits to be collected. */
function usedHeapBytes(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return process.memoryUsage().heapUsed;
}
