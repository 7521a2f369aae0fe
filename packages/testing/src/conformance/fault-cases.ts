// Promises that hold while the broker goes away and comes back.

import assert from "node:assert/strict";
import { defineService } from "@throughline/core";
import { eventually } from "../eventually.ts";
import type { ConformanceCase, ConformanceSubject } from "./conformance-case.ts";
import { Arrivals, makeItems, Scenario } from "./scenario.ts";

/** After a fault, at-least-once is all that is promised. */
const disturbed = (subject: ConformanceSubject): ConformanceSubject => ({ ...subject, disturbed: true });

export const faultCases: readonly ConformanceCase[] = [
  {
    title: "loses nothing of what it publishes and handles while the broker goes away, and says that it is degraded",
    needs: "interruption",
    timeoutMs: 120_000,
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made, Changed } = scenario;
      const arrivals = new Arrivals(disturbed(subject));
      const relay = await scenario.start(
        defineService("relay", { publishes: [Changed] }).on(Made, async (item, { publish }) => {
          await publish(Changed, item);
        }),
      );
      await scenario.start(defineService("reader").on(Changed, arrivals.add));
      const writer = await scenario.start(defineService("writer", { publishes: [Made] }));
      const items = makeItems(900, 900);
      const publications = items.slice(0, 450).map((item) => writer.publish(Made, item));
      let wasDegraded = false;
      const watching = setInterval(() => {
        wasDegraded ||= relay.health().status === "degraded";
      }, 10);
      await subject.interrupt?.();
      publications.push(...items.slice(450).map((item) => writer.publish(Made, item)));
      await Promise.all(publications);
      await arrivals.complete(900);
      clearInterval(watching);
      assert.ok(wasDegraded, "health never said that the connection was lost");
      await eventually(() => relay.health().status === "ready");
    },
  },
  {
    title: 'keeps the order of each key with order "key" while the broker goes away',
    needs: "interruption",
    timeoutMs: 120_000,
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made } = scenario;
      const arrivals = new Arrivals(disturbed(subject));
      await scenario.start(
        defineService("reader").on(Made, { order: "key", concurrency: 8 }, async (item) => {
          await new Promise((resolve) => setTimeout(resolve, 3));
          arrivals.add(item);
        }),
      );
      const writer = await scenario.start(defineService("writer", { publishes: [Made] }));
      const items = makeItems(1_200, 12);
      const publications = items.slice(0, 900).map((item) => writer.publish(Made, item));
      await eventually(() => arrivals.items.length > 100);
      await subject.interrupt?.();
      publications.push(...items.slice(900).map((item) => writer.publish(Made, item)));
      await Promise.all(publications);
      await arrivals.complete(1_200, 90_000);
      arrivals.assertOrderPerKey();
    },
  },
];
