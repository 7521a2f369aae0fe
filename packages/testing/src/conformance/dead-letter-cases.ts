// Promises about what an operator does with dead letters.

import assert from "node:assert/strict";
import {
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetters,
  defineService,
  PermanentError,
} from "@throughline/core";
import { eventually } from "../eventually.ts";
import type { Item } from "../item-contract.ts";
import type { ConformanceCase, ConformanceSubject } from "./conformance-case.ts";
import { assertRejects, makeItems, patience, Scenario, whenCaughtUp } from "./scenario.ts";

/** A subscription that fails until it is mended, another of the same events that never does, and their letters. */
class FailingService {
  readonly name: string;
  readonly handled: { item: Item; attempt: number }[] = [];
  readonly elsewhere: Item[] = [];
  isBroken: (item: Item) => boolean = () => true;
  readonly #scenario: Scenario;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.name = `service-${scenario.context}`;
  }

  get filter(): DeadLetterFilter {
    return { service: this.name, subscription: "failing" };
  }

  async fail(count: number): Promise<DeadLetters> {
    const { Made } = this.#scenario;
    await this.#scenario.start(
      defineService(this.name)
        .on(Made, { name: "failing", policy: quick }, (item, { attempt }) => {
          if (this.isBroken(item)) {
            throw item.n % 3 === 0 ? new TypeError(`broken ${item.n}`) : new PermanentError(`hopeless ${item.n}`);
          }
          this.handled.push({ item, attempt });
        })
        .on(Made, { name: "well" }, (item) => this.elsewhere.push(item)),
    );
    const writer = await this.#scenario.start(defineService("writer", { publishes: [Made] }));
    await Promise.all(makeItems(count, count).map((item) => writer.publish(Made, item)));
    const letters = await this.#scenario.openDeadLetters();
    await eventually(async () => (await collect(letters.list(this.filter))).length === count, patience);
    await eventually(() => this.elsewhere.length >= count, patience);
    return letters;
  }
}

/** As many as there have to be. */
function listed<Value>(
  subject: ConformanceSubject,
  count: number,
  list: () => AsyncIterable<Value>,
): Promise<readonly Value[]> {
  return whenCaughtUp(subject, async () => {
    const all = await collect(list());
    assert.equal(all.length, count);
    return all;
  });
}

const quick = { retry: { attempts: 2, initialDelayMs: 20, maxDelayMs: 20 } };

async function collect<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const all: Value[] = [];
  for await (const value of values) {
    all.push(value);
  }
  return all;
}

const once = (subject: ConformanceSubject, found: number, expected: number) =>
  assert.ok(subject.disturbed === true ? found >= expected : found === expected, `${found} instead of ${expected}`);

export const deadLetterCases: readonly ConformanceCase[] = [
  {
    title: "lists dead letters, shows one, and groups them by cause",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const service = new FailingService(scenario);
      const letters = await service.fail(9);
      const groups = await letters.groups(service.filter);
      assert.deepEqual(
        groups.map(({ error, count, reason }) => [error.name, count, reason]),
        [
          ["PermanentError", 6, "permanent-failure"],
          ["TypeError", 3, "attempts-exhausted"],
        ],
      );
      const [first] = groups as [(typeof groups)[0]];
      const ofGroup = await collect(letters.list({ ...service.filter, fingerprint: first.fingerprint }));
      assert.equal(ofGroup.length, 6);
      assert.equal((await collect(letters.list(service.filter, { limit: 2 }))).length, 2);
      const letter = (await letters.show(first.sample)) as DeadLetter;
      assert.equal(letter.type, scenario.Made.type);
      assert.match(letter.error.message, /^hopeless /);
      assert.equal(JSON.parse(Buffer.from(letter.body ?? []).toString()).key, letter.key);
      assert.equal(await letters.show(9_999_999), undefined);
    },
  },
  {
    title: "redrives to the failed subscription and to no other, from its first attempt on",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const service = new FailingService(scenario);
      const letters = await service.fail(25);
      service.isBroken = () => false;
      const report = await letters.redrive(service.filter);
      assert.deepEqual([report.state, report.redriven, report.failed], ["completed", 25, 0]);
      once(subject, service.handled.length, 25);
      assert.equal(new Set(service.handled.map(({ item }) => item.n)).size, 25);
      assert.ok(subject.disturbed === true || service.handled.every(({ attempt }) => attempt === 1));
      once(subject, service.elsewhere.length, 25);
      await listed(subject, 0, () => letters.list(service.filter));
      const steps = await listed(subject, 2, () => letters.audit(report.job));
      assert.deepEqual(
        steps.map(({ step, operator }) => [step, operator]),
        [
          ["redrive-started", "conformance"],
          ["redrive-ended", "conformance"],
        ],
      );
    },
  },
  {
    title: "stops a redrive when an event fails again, and keeps count of its replays",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const service = new FailingService(scenario);
      const letters = await service.fail(25);
      const report = await letters.redrive(service.filter);
      assert.deepEqual([report.state, report.redriven, report.failed], ["stopped", 1, 1]);
      const all = await listed(subject, 25, () => letters.list(service.filter));
      assert.deepEqual(
        all.filter(({ replays }) => replays > 0).map(({ job, replays, sequence }) => [job, replays, sequence]),
        [[report.job, 1, report.failures[0]]],
      );
      // The origin stays what it was at first.
      assert.deepEqual(new Set(all.map(({ origin }) => origin.stream)), new Set([scenario.stream]));
    },
  },
  {
    title: "goes on with a redrive that was cancelled: nothing is lost, nothing comes twice",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const service = new FailingService(scenario);
      const letters = await service.fail(40);
      service.isBroken = () => false;
      const controller = new AbortController();
      const cancelled = await letters.redrive(service.filter, {
        signal: controller.signal,
        batches: [1, 5],
        onProgress: ({ redriven }) => redriven > 5 && controller.abort(),
      });
      assert.equal(cancelled.state, "cancelled");
      assert.ok(cancelled.redriven < 40);
      const resumed = await letters.resume(cancelled.job);
      assert.equal(resumed.state, "completed");
      // A letter whose deletion got lost with a leader is taken up again, under its id: counted twice, delivered once.
      once(subject, cancelled.redriven + resumed.redriven, 40);
      await eventually(() => new Set(service.handled.map(({ item }) => item.n)).size === 40, patience);
      once(subject, service.handled.length, 40);
      await assertRejects(letters.resume("no-such-job"), "BUS_REDRIVE_UNKNOWN");
    },
  },
  {
    title: "tells what a redrive would do without doing it, and leaves alone what today's contracts cannot read",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const service = new FailingService(scenario);
      const letters = await service.fail(6);
      const connection = await scenario.connect();
      await connection.publish({
        subject: `${scenario.context}.made.bad`,
        headers: new Map(),
        body: '{"key":7}',
        messageId: `bad-${scenario.context}`,
      });
      await eventually(async () => (await collect(letters.list(service.filter))).length === 7, patience);
      service.isBroken = () => false;
      const dry = await letters.redrive(service.filter, { dryRun: true });
      assert.deepEqual([dry.state, dry.matching, dry.unreadable, dry.redriven], ["dry-run", 7, 1, 0]);
      assert.match(dry.problems[0]?.problem ?? "", /CONTRACT_DATA_INVALID/);
      assert.deepEqual(await collect(letters.audit(dry.job)), []);
      const report = await letters.redrive(service.filter);
      assert.deepEqual([report.state, report.redriven, report.unreadable], ["completed", 6, 1]);
      await listed(subject, 1, () => letters.list(service.filter));
    },
  },
  {
    title: "discards for a reason that is kept, and never without a filter",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const service = new FailingService(scenario);
      const letters = await service.fail(6);
      await assertRejects(letters.redrive({}), "BUS_FILTER_INVALID");
      await assertRejects(letters.discard({ sequences: [] }, { reason: "none" }), "BUS_FILTER_INVALID");
      const { sequence } = (await collect(letters.list(service.filter, { limit: 1 })))[0] as DeadLetter;
      const filter = { ...service.filter, sequences: [sequence] };
      const { job, discarded } = await letters.discard(filter, { reason: "a test order" });
      assert.equal(discarded, 1);
      const [record] = await listed(subject, 1, () => letters.audit(job));
      assert.deepEqual([record?.step, record?.reason, record?.sequences], ["discarded", "a test order", [sequence]]);
      await listed(subject, 5, () => letters.list(service.filter));
    },
  },
];
