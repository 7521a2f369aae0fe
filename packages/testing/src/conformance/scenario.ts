// What conformance cases share: events in a context of their own, services that end with the case, and what was handled.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { ThroughlineError } from "@throughline/contracts";
import {
  attemptStream,
  type DeadLetters,
  defineService,
  leaseStream,
  openDeadLetters,
  type RunningService,
  type RunOptions,
  run,
  type Service,
  type SubscriptionOptions,
  silentLogger,
  type TransportConnection,
} from "@throughline/core";
import { eventually } from "../eventually.ts";
import { defineItem, type Item, type ItemContract } from "../item-contract.ts";
import { findOrderViolations } from "../order-violations.ts";
import type { ConformanceSubject } from "./conformance-case.ts";

/** How long to wait where faults may be about: several of them in a row delay what they do not prevent. */
export const patience = { timeoutMs: 50_000 };

/** One case at work. Ends every service and connection that it started. */
export class Scenario implements AsyncDisposable {
  readonly subject: ConformanceSubject;
  readonly context: string;
  readonly Made: ItemContract;
  readonly Changed: ItemContract;
  readonly #running: AsyncDisposable[] = [];
  readonly #connections: TransportConnection[] = [];

  constructor(subject: ConformanceSubject) {
    this.subject = subject;
    this.context = `c${randomBytes(4).toString("hex")}`;
    this.Made = this.defineItem("made");
    this.Changed = this.defineItem("changed");
  }

  defineItem(event: string): ItemContract {
    return defineItem(`${this.context}.${event}`, { schedulable: true });
  }

  get stream(): string {
    return this.context.toUpperCase();
  }

  async start<Declared extends Service>(
    service: Declared,
    options: Pick<RunOptions, "publishVersions"> = {},
  ): Promise<Declared extends Service<infer Published, infer Called> ? RunningService<Published, Called> : never> {
    const transport = this.subject.createTransport();
    const running = await run(service as Service, {
      transport,
      logger: this.subject.logger ?? silentLogger,
      signals: false,
      ...options,
    });
    this.#running.push(running);
    return running as never;
  }

  /** A service that collects what arrives, and one that publishes. */
  async startReaderAndWriter(
    options: Pick<SubscriptionOptions, "order"> = {},
  ): Promise<{ arrivals: Arrivals; writer: RunningService<ItemContract> }> {
    const contracts = [this.Made, this.Changed];
    const arrivals = new Arrivals(this.subject);
    await this.start(defineService("reader").on(contracts, { name: "all", ...options }, arrivals.add));
    return { arrivals, writer: await this.start(defineService("writer", { publishes: contracts })) };
  }

  async openDeadLetters(): Promise<DeadLetters> {
    const letters = await openDeadLetters({
      transport: this.subject.createTransport(),
      operator: "conformance",
      contracts: [this.Made, this.Changed],
      logger: this.subject.logger ?? silentLogger,
    });
    this.#running.push(letters);
    return letters;
  }

  /** The port itself, with the context's stream provisioned. */
  async connect(options: { readonly publishTimeoutMs?: number } = {}): Promise<TransportConnection> {
    const logger = this.subject.logger ?? silentLogger;
    const connection = await this.subject.createTransport(options).connect({ service: "conformance", logger });
    this.#connections.push(connection);
    await connection.provision({
      streams: [{ name: this.stream, subjects: [`${this.context}.>`], schedules: true }, attemptStream, leaseStream],
      subscriptions: [],
    });
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#running.map((running) => running[Symbol.asyncDispose]()));
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }
}

/** What arrived, told apart from what arrived again. */
export class Arrivals {
  readonly items: Item[] = [];
  readonly #subject: ConformanceSubject;

  constructor(subject: ConformanceSubject) {
    this.#subject = subject;
  }

  readonly add = (item: Item): void => {
    this.items.push(item);
  };

  /** Waits for `count` different items; each came once, unless faults are about. */
  async complete(count: number, timeoutMs: number = patience.timeoutMs): Promise<void> {
    await eventually(() => this.#distinct() >= count, { timeoutMs }).catch((cause: unknown) => {
      throw new Error(`${this.#distinct()} of ${count} events arrived`, { cause });
    });
    assert.equal(this.#distinct(), count, "more events arrived than were published");
    if (this.#subject.disturbed !== true) {
      assert.equal(this.items.length, count, "an event arrived twice although nothing went wrong");
    }
  }

  assertOrderPerKey(): void {
    assert.deepEqual(findOrderViolations(this.items), []);
  }

  #distinct(): number {
    return new Set(this.items.map(({ key, n }) => `${key}/${n}`)).size;
  }
}

/** What `check` finds: at once, or where leaders are killed when the replica that answers has caught up. */
export async function whenCaughtUp<Found>(
  { disturbed }: ConformanceSubject,
  check: () => Promise<readonly Found[]>,
): Promise<readonly Found[]> {
  return disturbed === true ? await eventually(check, patience) : await check();
}

/** Items 0, 1, 2, … spread over keys. */
export function makeItems(count: number, keys: number): Item[] {
  return Array.from({ length: count }, (_, n) => ({ key: `k${n % keys}`, n }));
}

export async function assertRejects(promise: Promise<unknown>, ...codes: string[]): Promise<ThroughlineError> {
  const error = await promise.then(
    () => assert.fail(`resolved instead of rejecting with ${codes.join(" or ")}`),
    (failure: unknown) => failure,
  );
  assert.ok(error instanceof ThroughlineError, `rejected with ${String(error)} instead of ${codes.join(" or ")}`);
  assert.ok(codes.includes(error.code), `rejected with ${error.code} instead of ${codes.join(" or ")}`);
  return error;
}
