// Promises about subscriptions that are spread over instances with the order of each key kept.

import assert from "node:assert/strict";
import {
  defineService,
  type Fence,
  partitionOfKey,
  type RunningService,
  type SubscriptionOptions,
} from "@throughline/core";
import { eventually } from "../eventually.ts";
import type { Item } from "../item-contract.ts";
import type { ConformanceCase, ConformanceSubject } from "./conformance-case.ts";
import { Arrivals, assertRejects, makeItems, Scenario } from "./scenario.ts";

interface Handled {
  readonly instance: number;
  readonly fence: Fence | undefined;
}

/** Instances of one partitioned subscription, and what each of them handled. */
class Fleet {
  readonly arrivals: Arrivals;
  readonly handled: Handled[] = [];
  readonly #scenario: Scenario;
  readonly #options: SubscriptionOptions;
  #started = 0;

  constructor(scenario: Scenario, subject: ConformanceSubject, options: SubscriptionOptions = { partitions: 4 }) {
    this.#scenario = scenario;
    this.#options = options;
    this.arrivals = new Arrivals(subject);
  }

  async start(handle: (item: Item) => Promise<void> = async () => undefined): Promise<RunningService> {
    const instance = ++this.#started;
    return await this.#scenario.start(
      defineService("fleet").on(this.#scenario.Made, this.#options, async (item, { fence }) => {
        await handle(item);
        this.handled.push({ instance, fence });
        this.arrivals.add(item);
      }),
    );
  }

  shareOf(instance: number): number {
    return this.handled.filter((one) => one.instance === instance).length;
  }
}

const brief = () => new Promise<void>((resolve) => setTimeout(resolve, 2));

export const partitionCases: readonly ConformanceCase[] = [
  {
    title: "shares the partitions of a subscription among its instances, a key with one of them",
    needs: "partitions",
    timeoutMs: 90_000,
    async run(subject) {
      await using scenario = new Scenario(subject);
      const fleet = new Fleet(scenario, subject);
      await Promise.all([fleet.start(brief), fleet.start(brief)]);
      const writer = await scenario.start(defineService("writer", { publishes: [scenario.Made] }));
      // Until both have their share.
      await eventually(
        async () => {
          await Promise.all(makeItems(40, 40).map((item) => writer.publish(scenario.Made, { ...item, n: Date.now() })));
          return fleet.shareOf(1) > 0 && fleet.shareOf(2) > 0;
        },
        { timeoutMs: 60_000 },
      );
      for (const { fence } of fleet.handled) {
        assert.ok(fence !== undefined && fence.partition >= 0 && fence.partition < 4 && fence.token > 0);
      }
      const partitions = fleet.arrivals.items.map(({ key }, index) => [
        fleet.handled[index]?.fence?.partition,
        partitionOfKey(key, 4),
      ]);
      assert.ok(
        partitions.every(([found, expected]) => found === expected),
        "a key was in another partition",
      );
    },
    async refused(subject) {
      await using scenario = new Scenario(subject);
      await assertRejects(new Fleet(scenario, subject).start(), "BUS_FEATURE_UNSUPPORTED");
    },
  },
  {
    title: "keeps the order of each key while instances come and go, retries included",
    needs: "partitions",
    timeoutMs: 240_000,
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made } = scenario;
      const policy = { retry: { attempts: 20, initialDelayMs: 10, maxDelayMs: 30 } };
      const fleet = new Fleet(scenario, subject, { partitions: 4, policy });
      const failures = new Map<number, number>();
      const handle = async ({ n }: Item) => {
        await brief();
        const failed = failures.get(n) ?? 0;
        if (n % 50 === 0 && failed < 2) {
          failures.set(n, failed + 1);
          throw new Error("not yet");
        }
      };
      const first = await fleet.start(handle);
      const writer = await scenario.start(defineService("writer", { publishes: [Made] }));
      let published = 0;
      const publishSome = async () => {
        const items = makeItems(published + 60, 60).slice(published);
        published += items.length;
        await Promise.all(items.map((item) => writer.publish(Made, item)));
        await new Promise((resolve) => setTimeout(resolve, 120));
      };
      await fleet.start(handle);
      const third = await fleet.start(handle);
      // However long they take to have a share, there is something to handle.
      const sharedBy = Date.now() + 80_000;
      while (published < 1_500 || fleet.shareOf(2) === 0 || fleet.shareOf(3) === 0) {
        assert.ok(Date.now() < sharedBy, "an instance has no share");
        await publishSome();
      }
      const publishing = (async () => {
        for (const until = published + 1_500; published < until; ) {
          await publishSome();
        }
      })();
      await first.stop();
      await third.stop();
      await fleet.start(handle);
      await publishing;
      await fleet.arrivals.complete(published, 120_000);
      fleet.arrivals.assertOrderPerKey();
      for (let partition = 0; partition < 4; partition++) {
        const tokens = fleet.handled.flatMap(({ fence }) => (fence?.partition === partition ? [fence.token] : []));
        assert.deepEqual(
          tokens,
          tokens.toSorted((a, b) => a - b),
          "a later owner had a smaller token",
        );
      }
    },
  },
  {
    title: "lets only one of several writers have a lease",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const connection = await scenario.connect();
      const { leases } = connection;
      const group = `group-${scenario.context}`;
      const first = await leases.write(group, "a", "one", 0);
      assert.ok(first !== undefined && first > 0);
      assert.equal(await leases.write(group, "a", "two", 0), undefined);
      const second = await leases.write(group, "a", "two", first);
      assert.ok(second !== undefined && second > first);
      assert.equal(await leases.write(group, "a", "three", first), undefined);
      await leases.write(group, "b", "any");
      const records = await leases.list(group);
      assert.deepEqual(records.map(({ name, value }) => [name, value]).sort(), [
        ["a", "two"],
        ["b", "any"],
      ]);
    },
  },
];
