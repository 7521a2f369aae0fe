// Promises while versions change: whoever is deployed first, nothing is misread, and nobody waits for ever.

import assert from "node:assert/strict";
import { defineService, type PolicyOptions, type SubscriptionOptions } from "@throughline/core";
import { eventually } from "../eventually.ts";
import { defineMeasuredItem, type MeasuredItem } from "../item-contract.ts";
import type { ConformanceCase, ConformanceSubject } from "./conformance-case.ts";
import { Arrivals, assertRejects, makeItems, patience, Scenario } from "./scenario.ts";

const patient: PolicyOptions = { newerVersion: { attempts: 1_000, initialDelayMs: 50, maxDelayMs: 200 } };
const impatient: PolicyOptions = { newerVersion: { attempts: 3, initialDelayMs: 20, maxDelayMs: 20 } };

/** The service as it was before anybody deployed version 2. */
function outdatedReader(scenario: Scenario, arrivals: Arrivals, options: SubscriptionOptions) {
  return defineService("reader").on(scenario.Made, { name: "made", ...options }, arrivals.add);
}

async function takesOver(subject: ConformanceSubject, order: "none" | "key"): Promise<void> {
  await using scenario = new Scenario(subject);
  const Measured = defineMeasuredItem(scenario.Made.type as `${string}.${string}`);
  const outdated = new Arrivals(subject);
  const before = await scenario.start(outdatedReader(scenario, outdated, { policy: patient, order }));
  const writer = await scenario.start(defineService("writer", { publishes: [Measured] }));
  const items: MeasuredItem[] = makeItems(20, 4).map((item) => ({ ...item, unit: "kg" }));
  for (const item of items) {
    await writer.publish(Measured, item);
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.deepEqual(outdated.items, [], "a version that is not known was handled");
  await before.stop();

  const arrivals = new Arrivals(subject);
  const attempts = new Set<number>();
  const after = defineService("reader").on(Measured, { name: "made", policy: patient, order }, (item, context) => {
    attempts.add(context.attempt);
    arrivals.add(item);
  });
  await scenario.start(after);
  await arrivals.complete(items.length);
  // Another instance took over: that keeps order only where nothing of what was given back gets lost on its way.
  if (order === "key" && subject.disturbed !== true) {
    arrivals.assertOrderPerKey();
  }
  assert.deepEqual([...attempts], [1], "waiting for a version was counted as an attempt");
}

export const versionCases: readonly ConformanceCase[] = [
  {
    title: "hands out old versions as the newest one",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const Measured = defineMeasuredItem(scenario.Made.type as `${string}.${string}`);
      const writer = await scenario.start(defineService("writer", { publishes: [scenario.Made] }));
      await writer.publish(scenario.Made, { key: "a", n: 1 });
      const handled: [MeasuredItem, number][] = [];
      await scenario.start(
        defineService("reader").on(Measured, (item, { event }) => {
          handled.push([item, event.version]);
        }),
      );
      await eventually(() => handled.length > 0, patience);
      assert.deepEqual(handled[0], [{ key: "a", n: 1, unit: "piece" }, 1]);
    },
  },
  {
    title: "writes an older version while others do not know the newest",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const Measured = defineMeasuredItem(scenario.Made.type as `${string}.${string}`);
      const arrivals = new Arrivals(subject);
      await scenario.start(outdatedReader(scenario, arrivals, {}));
      const service = defineService("writer", { publishes: [Measured] });
      const writer = await scenario.start(service, { publishVersions: { [Measured.type]: 1 } });
      const envelope = await writer.publish(Measured, { key: "a", n: 1, unit: "kg" });
      assert.equal(envelope.version, 1);
      await writer.publishAll([[Measured, { key: "b", n: 1, unit: "kg" }]]);
      await arrivals.complete(2);
      assert.deepEqual(
        arrivals.items.find(({ key }) => key === "a"),
        { key: "a", n: 1 },
      );
      await assertRejects(
        scenario.start(service, { publishVersions: { [Measured.type]: 3 } }),
        "CONTRACT_VERSION_INVALID",
      );
      await assertRejects(scenario.start(service, { publishVersions: { "some.other": 1 } }), "BUS_EVENT_UNDECLARED");
    },
  },
  {
    title: "puts off a version that is newer than it knows, until somebody who knows it takes over",
    run: (subject) => takesOver(subject, "none"),
  },
  {
    title: "puts off a newer version with its key, and loses neither order nor attempts",
    run: (subject) => takesOver(subject, "key"),
  },
  {
    title: "keeps a newer version as a dead letter when nobody comes who knows it",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const Measured = defineMeasuredItem(scenario.Made.type as `${string}.${string}`);
      const arrivals = new Arrivals(subject);
      const policy = { ...impatient, onExhausted: "drop" } as const;
      await scenario.start(outdatedReader(scenario, arrivals, { policy }));
      const writer = await scenario.start(defineService("writer", { publishes: [Measured] }));
      await writer.publish(Measured, { key: "a", n: 1, unit: "kg" });
      const letters = await scenario.openDeadLetters();
      const filter = { service: "reader", type: Measured.type };
      const groups = await eventually(async () => {
        const found = await letters.groups(filter);
        return found.length > 0 && found;
      }, patience);
      assert.equal(groups[0]?.reason, "version-unknown");
      assert.deepEqual(arrivals.items, []);
    },
  },
];
