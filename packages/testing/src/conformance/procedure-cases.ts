// Promises about questions that one service asks another.

import assert from "node:assert/strict";
import {
  defineProcedure,
  failWith,
  isFailureOf,
  parseTraceparent,
  type ThroughlineError,
} from "@throughline/contracts";
import { defineService, type RunningService, type ServeOptions } from "@throughline/core";
import { eventually } from "../eventually.ts";
import { type Item, itemSchema } from "../item-contract.ts";
import type { ConformanceCase, ConformanceSubject } from "./conformance-case.ts";
import { assertRejects, patience, Scenario } from "./scenario.ts";

function defineDouble(scenario: Scenario, options: { timeoutMs?: number; idempotent?: boolean } = {}) {
  const errors = { "too-large": itemSchema };
  return defineProcedure(`${scenario.context}.double`, { request: itemSchema, reply: itemSchema, errors, ...options });
}
type Double = ReturnType<typeof defineDouble>;

async function startCaller(scenario: Scenario, procedure: Double) {
  return await scenario.start(defineService("caller", { calls: [procedure] }));
}

/** Faults may lose a question, and say so. Where they are about, it is asked again, which the procedure has to allow. */
async function ask(subject: ConformanceSubject, call: () => Promise<Item>): Promise<Item> {
  return subject.disturbed === true ? await eventually(call, patience) : await call();
}

const item = { key: "a", n: 4 };

export const procedureCases: readonly ConformanceCase[] = [
  {
    title: "answers a question, shares questions among instances, and joins the trace",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const Doubled = defineDouble(scenario, { idempotent: true });
      const shares = [0, 0];
      const traces = new Set<string | undefined>();
      const server = (index: number) =>
        defineService(`server-${scenario.context}`).serve(Doubled, async ({ key, n }, { headers }) => {
          shares[index] = (shares[index] ?? 0) + 1;
          traces.add(parseTraceparent(headers.get("traceparent"))?.traceId);
          return { key, n: 2 * n };
        });
      await Promise.all([scenario.start(server(0)), scenario.start(server(1))]);
      const caller = await startCaller(scenario, Doubled);
      const asked = Array.from({ length: 100 }, (_, n) => n);
      const answers = asked.map((n) => ask(subject, () => caller.call(Doubled, { key: "a", n })));
      const expected = asked.map((n) => ({ key: "a", n: 2 * n }));
      assert.deepEqual(await Promise.all(answers), expected);
      assert.ok(subject.disturbed === true || shares.every((share) => share > 0), `shares of ${shares.join(" and ")}`);
      assert.ok(!traces.has(undefined));
    },
  },
  {
    title: "brings an error that is declared to the caller as what it is, and of any other only that there was one",
    needsCalm: true,
    async run(subject) {
      await using scenario = new Scenario(subject);
      const Doubled = defineDouble(scenario, { idempotent: true });
      await scenario.start(
        defineService("server").serve(Doubled, ({ key, n }) => {
          if (n > 100) {
            throw failWith(Doubled, "too-large", { key, n: 100 });
          }
          throw new Error("the password is hunter2");
        }),
      );
      const caller = await startCaller(scenario, Doubled);
      const failure = await caller.call(Doubled, { key: "a", n: 101 }).catch((error: unknown) => error);
      assert.ok(isFailureOf(Doubled, failure), String(failure));
      assert.deepEqual([failure.code, failure.data], ["too-large", { key: "a", n: 100 }]);
      const internal = await assertRejects(caller.call(Doubled, item), "BUS_PROCEDURE_FAILED");
      assert.ok(!JSON.stringify([internal.message, internal.details]).includes("hunter2"));
      await assertRejects(caller.call(Doubled, { key: 7 } as never), "CONTRACT_DATA_INVALID");
    },
  },
  {
    title: "says at once that nobody answers, and what is not declared",
    needsCalm: true,
    async run(subject) {
      await using scenario = new Scenario(subject);
      const Doubled = defineDouble(scenario, { timeoutMs: 20_000 });
      const caller = await startCaller(scenario, Doubled);
      const begun = Date.now();
      await assertRejects(caller.call(Doubled, item), "BUS_PROCEDURE_UNAVAILABLE");
      assert.ok(Date.now() - begun < 5_000);
      const other = (await scenario.start(defineService("other"))) as unknown as RunningService;
      await assertRejects(other.call(Doubled, item), "BUS_PROCEDURE_UNDECLARED");
    },
  },
  {
    title: "stops the work when the caller no longer waits: cancelled, or out of time",
    needsCalm: true,
    async run(subject) {
      await using scenario = new Scenario(subject);
      const Doubled = defineDouble(scenario, { timeoutMs: 700 });
      const ends: unknown[] = [];
      const deadlines: number[] = [];
      let begun = 0;
      await scenario.start(
        defineService("server").serve(Doubled, async (_request, { signal, deadlineMs }) => {
          begun++;
          deadlines.push(deadlineMs - Date.now());
          await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
          ends.push((signal.reason as ThroughlineError).code);
          throw signal.reason;
        }),
      );
      const caller = await startCaller(scenario, Doubled);
      const controller = new AbortController();
      const cancelled = caller.call(Doubled, item, { signal: controller.signal }).catch((error: unknown) => error);
      await eventually(() => begun > 0, patience);
      controller.abort(new Error("changed my mind"));
      assert.equal(((await cancelled) as Error).message, "changed my mind");
      await eventually(() => ends.length > 0, { timeoutMs: 5_000 });
      assert.equal(ends[0], "BUS_CALL_CANCELLED");
      await assertRejects(caller.call(Doubled, item), "BUS_CALL_TIMEOUT");
      await eventually(() => ends.length > 1, { timeoutMs: 5_000 });
      assert.ok(deadlines.every((left) => left > 0 && left <= 700));
    },
  },
  {
    title: "refuses more questions than it may answer at a time, and finishes what it has when it stops",
    needsCalm: true,
    async run(subject) {
      await using scenario = new Scenario(subject);
      const Doubled = defineDouble(scenario, { timeoutMs: 10_000 });
      const { promise: gate, resolve: open } = Promise.withResolvers<void>();
      let begun = 0;
      const options: ServeOptions = { concurrency: 1 };
      const server = await scenario.start(
        defineService("server").serve(Doubled, options, async ({ key, n }) => {
          begun++;
          await gate;
          return { key, n };
        }),
      );
      const caller = await startCaller(scenario, Doubled);
      const first = caller.call(Doubled, item);
      await eventually(() => begun === 1, patience);
      await assertRejects(caller.call(Doubled, item), "BUS_PROCEDURE_UNAVAILABLE");
      const stopping = server.stop();
      await new Promise((resolve) => setTimeout(resolve, 100));
      open();
      assert.deepEqual(await first, item);
      await stopping;
      assert.equal(begun, 1);
    },
  },
];
