// Writes down what really happened in a simulation, and holds every step against what is promised.

import type { Delivery } from "@throughline/core";
import type { Item } from "../item-contract.ts";

export interface LedgerRules {
  /** Nothing goes wrong between service and broker. */
  readonly isCalm: boolean;
  readonly keepsOrder: boolean;
  /** A terminated event needs a dead letter, unless the policy drops. */
  readonly mayDrop: boolean;
  hasDeadLetter(n: number): boolean;
}

/** What one process has of one subscription. */
interface Instance {
  /** Events of each key that arrived and are not finished, in the order of their arrival. */
  readonly open: Map<string, number[]>;
  readonly running: Map<string, number>;
  readonly acknowledged: Set<number>;
  granted: number;
  arrived: number;
}

export class Ledger {
  readonly violations: string[] = [];
  readonly trace: string[] = [];
  readonly #rules: LedgerRules;
  readonly #now: () => number;
  readonly #instances = new Map<string, Instance>();
  readonly #succeeded = new Set<number>();
  readonly #settled = new Set<number>();
  readonly #answered = new WeakSet<Delivery>();
  readonly #starts = new Map<number, number>();
  readonly #givenBack = new Set<number>();

  constructor(rules: LedgerRules, now: () => number) {
    this.#rules = rules;
    this.#now = now;
  }

  note(what: string): void {
    this.trace.push(`${this.#now() % 10_000_000} ${what}`);
  }

  /** How often a handler began with this event. */
  startsOf(n: number): number {
    return this.#starts.get(n) ?? 0;
  }

  isSettled(n: number): boolean {
    return this.#settled.has(n);
  }

  hasSucceeded(n: number): boolean {
    return this.#succeeded.has(n);
  }

  granted(process: string, count: number): void {
    this.#instance(process).granted += count;
  }

  /** What was asked for before and has not come never will. */
  creditsVoid(process: string): void {
    const instance = this.#instance(process);
    instance.granted = instance.arrived;
  }

  /** Left the broker for this process; it may still get lost on its way. */
  sent(process: string): void {
    this.#instance(process).arrived++;
  }

  /** Credits that the broker still holds for this process. */
  creditsOf(process: string): number {
    const { granted, arrived } = this.#instance(process);
    return granted - arrived;
  }

  arrived(process: string, delivery: Delivery): void {
    const { key, n } = itemOf(delivery);
    this.note(`${process} gets ${n} of ${key}, delivery ${delivery.attempt}`);
    if (this.#rules.isCalm && delivery.attempt > 1 && !this.#givenBack.delete(n)) {
      this.violated(`${n} comes again although nobody gave it back: it was not extended in time`);
    }
    const { open } = this.#instance(process);
    const waiting = open.get(key) ?? [];
    if (!waiting.includes(n)) {
      open.set(key, [...waiting, n]);
    }
  }

  started(process: string, { key, n }: Item, attempt: number): void {
    this.note(`${process} handles ${n} of ${key}, attempt ${attempt}`);
    this.#starts.set(n, this.startsOf(n) + 1);
    const { open, running, acknowledged } = this.#instance(process);
    if (acknowledged.has(n)) {
      this.violated(`${process} handles ${n} again, which it has acknowledged before`);
    }
    const other = running.get(key);
    if (other !== undefined) {
      this.violated(`${process} handles ${n} while ${other} of the same key ${key} runs`);
    }
    running.set(key, n);
    const [first] = open.get(key) ?? [];
    if (this.#rules.keepsOrder && first !== undefined && first !== n) {
      this.violated(`${process} handles ${n} of key ${key} before ${first}, which arrived earlier, is finished`);
    }
  }

  ended(process: string, { key, n }: Item, outcome: "success" | "failure" | "aborted"): void {
    this.note(`${process} ends ${n} with ${outcome}`);
    const { running } = this.#instance(process);
    if (running.get(key) === n) {
      running.delete(key);
    }
    if (outcome === "success") {
      this.#succeeded.add(n);
    }
  }

  /** The engine answered; `settles` unless it is an extension. */
  answered(process: string, delivery: Delivery, answer: string, settles: boolean): void {
    const { key, n } = itemOf(delivery);
    this.note(`${process} answers ${n} with ${answer}`);
    if (!settles) {
      return;
    }
    if (this.#answered.has(delivery)) {
      this.violated(`${process} answers one delivery of ${n} twice, at last with ${answer}`);
    }
    this.#answered.add(delivery);
    const { open, acknowledged } = this.#instance(process);
    if (answer === "ack") {
      acknowledged.add(n);
    } else if (answer === "retry") {
      this.#givenBack.add(n);
    }
    open.set(
      key,
      (open.get(key) ?? []).filter((other) => other !== n),
    );
  }

  /** The broker takes the answer for granted: from here on it is too late to find out that it was wrong. */
  reachedBroker(delivery: Delivery, answer: string): void {
    const { n } = itemOf(delivery);
    const isKept = this.#succeeded.has(n) || this.#rules.hasDeadLetter(n) || this.#rules.mayDrop;
    if (answer === "ack" || answer === "terminate") {
      this.#settled.add(n);
      if (!isKept) {
        this.violated(`${n} is gone: answered with ${answer}, without success and without a dead letter`);
      }
    }
  }

  violated(what: string): void {
    this.note(`VIOLATION: ${what}`);
    this.violations.push(what);
  }

  #instance(process: string): Instance {
    let instance = this.#instances.get(process);
    if (instance === undefined) {
      instance = { open: new Map(), running: new Map(), acknowledged: new Set(), granted: 0, arrived: 0 };
      this.#instances.set(process, instance);
    }
    return instance;
  }
}

export function itemOf({ message }: Pick<Delivery, "message">): Item {
  return JSON.parse(Buffer.from(message.body).toString()) as Item;
}
