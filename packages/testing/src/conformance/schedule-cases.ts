// Promises about events that are published later.

import assert from "node:assert/strict";
import { defineService, type Schedule } from "@throughline/core";
import { eventually } from "../eventually.ts";
import type { ConformanceCase, ConformanceSubject } from "./conformance-case.ts";
import { assertRejects, patience, Scenario } from "./scenario.ts";

async function refusesSchedule(subject: ConformanceSubject, schedule: Schedule): Promise<void> {
  await using scenario = new Scenario(subject);
  const { Made } = scenario;
  const { arrivals, writer } = await scenario.startReaderAndWriter();
  await assertRejects(writer.publish(Made, { key: "a", n: 1 }, { schedule }), "BUS_FEATURE_UNSUPPORTED");
  await writer.publish(Made, { key: "a", n: 2 });
  await arrivals.complete(1);
}

export const scheduleCases: readonly ConformanceCase[] = [
  {
    title: "publishes a scheduled event when its time has come, not earlier",
    needs: "schedule",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made } = scenario;
      const arrivals: { n: number; at: number; time: string; tenant: string | undefined }[] = [];
      await scenario.start(
        defineService("reader").on(Made, ({ n }, { event, headers }) => {
          arrivals.push({ n, at: Date.now(), time: event.time, tenant: headers.get("x-tenant") });
        }),
      );
      const writer = await scenario.start(defineService("writer", { publishes: [Made] }));
      const dueMs = Date.now() + 2_000;
      const headers = { "x-tenant": "blue" };
      await writer.publish(Made, { key: "a", n: 1 }, { schedule: { at: new Date(dueMs) }, headers });
      await writer.publish(Made, { key: "a", n: 2 }, { schedule: { afterMs: 0 } });
      await writer.publish(Made, { key: "a", n: 3 });
      await eventually(() => arrivals.length >= 3, patience);
      const late = arrivals.find(({ n }) => n === 1);
      // A server counts schedules in whole seconds.
      assert.ok(late !== undefined && late.at >= dueMs - 1_000, `${dueMs - (late?.at ?? 0)} ms early`);
      assert.equal(late.time, new Date(dueMs).toISOString());
      assert.equal(late.tenant, "blue");
    },
    refused: (subject) => refusesSchedule(subject, { afterMs: 100 }),
  },
  {
    title: "lets a scheduled event be replaced by its name, and cancelled",
    needs: "schedule",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made } = scenario;
      const { arrivals, writer } = await scenario.startReaderAndWriter();
      const soon = (name: string) => ({ schedule: { afterMs: 2_000, name } });
      await writer.publish(Made, { key: "a", n: 1 }, soon("reminder"));
      await writer.publish(Made, { key: "a", n: 2 }, soon("reminder"));
      const timeout = await writer.publish(Made, { key: "a", n: 3 }, { schedule: { afterMs: 2_000 } });
      assert.equal(await writer.cancelSchedule(Made, timeout.id), true);
      assert.equal(await writer.cancelSchedule(Made, timeout.id), false);
      await writer.publish(Made, { key: "a", n: 4 }, { schedule: { afterMs: 3_500 } });
      await eventually(() => arrivals.items.some(({ n }) => n === 4), patience);
      await arrivals.complete(2);
      assert.deepEqual([...new Set(arrivals.items.map(({ n }) => n))], [2, 4]);
    },
  },
  {
    title: "publishes a recurring event again and again, each occurrence an event of its own",
    needs: "cron",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made } = scenario;
      const ids: string[] = [];
      await scenario.start(defineService("reader").on(Made, (_item, { event }) => ids.push(event.id)));
      const writer = await scenario.start(defineService("writer", { publishes: [Made] }));
      const schedule = { cron: "* * * * * *", name: "tick" };
      const { id } = await writer.publish(Made, { key: "a", n: 1 }, { schedule });
      await eventually(() => new Set(ids).size >= 3, patience);
      assert.ok(!ids.includes(id));
      assert.equal(await writer.cancelSchedule(Made, "tick"), true);
    },
    refused: (subject) => refusesSchedule(subject, { cron: "* * * * * *", name: "tick" }),
  },
];
