// Promises about handling: once, in lanes, with retries, and an end for everything that cannot be handled.

import assert from "node:assert/strict";
import { type Delivery, deadLetterStream, defineService, PermanentError, type PolicyOptions } from "@throughline/core";
import { eventually } from "../eventually.ts";
import type { Item } from "../item-contract.ts";
import type { ConformanceCase } from "./conformance-case.ts";
import { Arrivals, makeItems, patience, Scenario } from "./scenario.ts";

const quick: PolicyOptions = { retry: { attempts: 3, initialDelayMs: 20, maxDelayMs: 40 } };

/** Reads the dead letters of one service as any subscriber would: through the port. */
async function readDeadLetters(scenario: Scenario, service: string): Promise<Delivery[]> {
  const connection = await scenario.connect();
  const topology = {
    stream: deadLetterStream.name,
    durable: `letters-${scenario.context}`,
    filterSubjects: [`dead.${service}.>`],
    startFrom: "first" as const,
    ackWaitMs: 30_000,
    keepOrder: false,
  };
  await connection.provision({ streams: [deadLetterStream], subscriptions: [topology] });
  const letters: Delivery[] = [];
  const consumption = await connection.consume(topology, {
    onDelivery: (delivery) => {
      delivery.acknowledge();
      letters.push(delivery);
    },
    onReplay: () => undefined,
  });
  consumption.grant(1_000);
  return letters;
}

const reasonOf = (letter: Delivery | undefined) => letter?.message.headers.get("throughline-dead-reason");

export const handlingCases: readonly ConformanceCase[] = [
  {
    title: "handles what was published before and after the subscription began",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made } = scenario;
      const arrivals = new Arrivals(subject);
      const writer = await scenario.start(defineService("writer", { publishes: [Made] }));
      const items = makeItems(400, 400);
      await Promise.all(items.slice(0, 200).map((item) => writer.publish(Made, item)));
      await scenario.start(defineService("reader").on(Made, arrivals.add));
      await Promise.all(items.slice(200).map((item) => writer.publish(Made, item)));
      await arrivals.complete(400);
    },
  },
  {
    title: "shares the events of a subscription among its instances",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made } = scenario;
      const arrivals = new Arrivals(subject);
      const shares = [0, 0];
      const instance = (index: number) =>
        defineService("reader").on(Made, { concurrency: 4 }, async (item) => {
          shares[index] = (shares[index] ?? 0) + 1;
          await new Promise((resolve) => setTimeout(resolve, 5));
          arrivals.add(item);
        });
      await Promise.all([scenario.start(instance(0)), scenario.start(instance(1))]);
      const writer = await scenario.start(defineService("writer", { publishes: [Made] }));
      await Promise.all(makeItems(400, 400).map((item) => writer.publish(Made, item)));
      await arrivals.complete(400);
      // While servers die, an instance may be cut off for as long as the other one needs for all of it.
      const isShared = shares.every((share) => share > 0);
      assert.ok(subject.disturbed === true || isShared, `shares of ${shares.join(" and ")}`);
    },
  },
  {
    title: "keeps the types of a shared subscription in order, and their neighbours out",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made, Changed } = scenario;
      const Other = scenario.defineItem("other");
      const arrivals = new Arrivals(subject);
      const types = new Set<string>();
      await scenario.start(
        defineService("reader").on([Made, Changed], { name: "all", order: "key" }, (item, { event }) => {
          types.add(event.type);
          arrivals.add(item);
        }),
      );
      const writer = await scenario.start(defineService("writer", { publishes: [Made, Changed, Other] }));
      const contracts = [Made, Changed, Other];
      await Promise.all(makeItems(300, 5).map((item) => writer.publish(contracts[item.n % 3] as typeof Made, item)));
      await arrivals.complete(200);
      arrivals.assertOrderPerKey();
      assert.deepEqual([...types].sort(), [Changed.type, Made.type]);
    },
  },
  {
    title: "runs one handler of a key at a time, and no more than `concurrency` at all",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made } = scenario;
      const arrivals = new Arrivals(subject);
      const running = new Map<string, number>();
      let most = 0;
      let mostOfKey = 0;
      await scenario.start(
        defineService("reader").on(Made, { concurrency: 5 }, async (item) => {
          running.set(item.key, (running.get(item.key) ?? 0) + 1);
          most = Math.max(
            most,
            [...running.values()].reduce((sum, count) => sum + count, 0),
          );
          mostOfKey = Math.max(mostOfKey, running.get(item.key) ?? 0);
          await new Promise((resolve) => setTimeout(resolve, 2));
          running.set(item.key, (running.get(item.key) ?? 0) - 1);
          arrivals.add(item);
        }),
      );
      const writer = await scenario.start(defineService("writer", { publishes: [Made] }));
      await Promise.all(makeItems(300, 12).map((item) => writer.publish(Made, item)));
      await arrivals.complete(300);
      assert.deepEqual([most, mostOfKey], [5, 1]);
    },
  },
  {
    title: 'holds the key of a failing event with order "key", and no other key',
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made } = scenario;
      const arrivals = new Arrivals(subject);
      const policy: PolicyOptions = { retry: { attempts: 50, initialDelayMs: 40, maxDelayMs: 40 } };
      let failures = 0;
      await scenario.start(
        defineService("reader").on(Made, { order: "key", concurrency: 2, policy }, (item) => {
          if (item.key === "k0" && failures < 5) {
            failures++;
            throw new Error("not yet");
          }
          arrivals.add(item);
        }),
      );
      const writer = await scenario.start(defineService("writer", { publishes: [Made] }));
      await Promise.all(makeItems(300, 6).map((item) => writer.publish(Made, item)));
      await arrivals.complete(300);
      arrivals.assertOrderPerKey();
      const firstOfFailing = arrivals.items.findIndex(({ key }) => key === "k0");
      assert.ok(firstOfFailing > 0, "the other keys waited for the failing one");
    },
  },
  {
    title: "tries a failing event again, then keeps it as a dead letter",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made } = scenario;
      const attempts: number[] = [];
      const name = `reader-${scenario.context}`;
      await scenario.start(
        defineService(name).on(Made, { policy: quick }, (_item, { attempt }) => {
          attempts.push(attempt);
          throw new TypeError("broken");
        }),
      );
      const letters = await readDeadLetters(scenario, name);
      const writer = await scenario.start(defineService("writer", { publishes: [Made] }));
      const envelope = await writer.publish(Made, { key: "a", n: 1 });
      const letter = await eventually(() => letters[0], patience);
      assert.ok(subject.disturbed === true || attempts.join() === "1,2,3", `attempts ${attempts.join()}`);
      assert.equal(reasonOf(letter), "attempts-exhausted");
      assert.equal(letter.message.headers.get("ce-id"), envelope.id);
      assert.equal(Buffer.from(letter.message.body).toString(), '{"key":"a","n":1}');
    },
  },
  {
    title: "gives up at once where no attempt can help: permanent failures and unreadable events",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made } = scenario;
      const name = `reader-${scenario.context}`;
      const handled: Item[] = [];
      await scenario.start(
        defineService(name).on(Made, { policy: quick }, (item) => {
          handled.push(item);
          throw new PermanentError("no such customer");
        }),
      );
      const letters = await readDeadLetters(scenario, name);
      const connection = await scenario.connect();
      const send = (messageId: string, body: string, headers: Record<string, string> = {}) =>
        connection.publish({
          subject: `${scenario.context}.made.${messageId}`,
          headers: new Map(Object.entries(headers)),
          body: Buffer.from(body),
          messageId,
        });
      await send("permanent", '{"key":"permanent","n":1}');
      await send("bytes", "\u0000\u0001");
      await send("schema", '{"key":7}', { "ce-dataversion": "1" });
      await eventually(() => new Set(letters.map(({ message }) => message.subject)).size === 3, patience);
      const reasons = new Map(letters.map((letter) => [letter.message.subject.split(".").at(-1), reasonOf(letter)]));
      assert.deepEqual([...reasons].sort(), [
        ["bytes", "unreadable"],
        ["permanent", "permanent-failure"],
        ["schema", "unreadable"],
      ]);
      assert.equal(new Set(handled.map(({ key }) => key)).size, 1);
    },
  },
  {
    title: "stops pulling while what its handlers need is down, and loses and spends nothing by it",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made } = scenario;
      const arrivals = new Arrivals(subject);
      const name = `reader-${scenario.context}`;
      const policy: PolicyOptions = {
        retry: { attempts: 8, initialDelayMs: 50, maxDelayMs: 200 },
        breaker: { failures: 2, halfOpenAfterMs: 1_000 },
      };
      let isDown = true;
      const attempts: number[] = [];
      let calls = 0;
      const reader = await scenario.start(
        defineService(name).on(Made, { policy, concurrency: 4 }, async (item, { attempt }) => {
          attempts.push(attempt);
          calls++;
          await new Promise((resolve) => setTimeout(resolve, 2));
          if (isDown) {
            throw new Error("down");
          }
          arrivals.add(item);
        }),
      );
      const letters = await readDeadLetters(scenario, name);
      const writer = await scenario.start(defineService("writer", { publishes: [Made] }));
      await Promise.all(makeItems(200, 200).map((item) => writer.publish(Made, item)));
      await eventually(() => reader.health().problems.some((problem) => problem.includes("circuit open")), patience);
      const callsAtTrip = calls;
      await new Promise((resolve) => setTimeout(resolve, 2_600));
      const probes = calls - callsAtTrip;
      assert.ok(subject.disturbed === true || (probes >= 1 && probes <= 3 + 4), `${probes} calls while open`);
      isDown = false;
      await eventually(() => arrivals.items.length >= 200, { timeoutMs: 60_000 });
      assert.equal(new Set(arrivals.items.map(({ n }) => n)).size, 200);
      assert.equal(letters.length, 0);
      // Nobody tried what was given back, so it is still at its first attempt.
      assert.ok(attempts.filter((attempt) => attempt > 2).length === 0, `attempts up to ${Math.max(...attempts)}`);
      assert.deepEqual(reader.health().problems, []);
    },
  },
  {
    title: "ends an attempt that takes too long through its signal",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made } = scenario;
      const codes: unknown[] = [];
      const policy: PolicyOptions = { timeoutMs: 100, retry: { attempts: 20, initialDelayMs: 20, maxDelayMs: 20 } };
      await scenario.start(
        defineService("reader").on(Made, { policy }, async (_item, { signal, attempt }) => {
          if (attempt < 3) {
            await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
            codes.push((signal.reason as { code?: string }).code);
          }
        }),
      );
      const writer = await scenario.start(defineService("writer", { publishes: [Made] }));
      await writer.publish(Made, { key: "a", n: 1 });
      await eventually(() => codes.length >= 2, patience);
      assert.deepEqual(codes.slice(0, 2), ["BUS_HANDLER_TIMEOUT", "BUS_HANDLER_TIMEOUT"]);
    },
  },
  {
    title: "handles what it has fetched when it stops, and leaves the rest to the next instance",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made } = scenario;
      const arrivals = new Arrivals(subject);
      const { promise: gate, resolve: open } = Promise.withResolvers<void>();
      /** More than anybody fetches at a time. */
      const count = 300;
      let begun = 0;
      const first = await scenario.start(
        defineService("reader").on(Made, { concurrency: 2 }, async (item) => {
          begun++;
          await gate;
          arrivals.add(item);
        }),
      );
      const writer = await scenario.start(defineService("writer", { publishes: [Made] }));
      await Promise.all(makeItems(count, count).map((item) => writer.publish(Made, item)));
      await eventually(() => begun === 2, patience);
      const stopping = first.stop();
      open();
      await stopping;
      assert.ok(arrivals.items.length >= 2 && arrivals.items.length < count, `${arrivals.items.length} were handled`);
      const stoppedAt = Date.now();
      let redelivered = 0;
      await scenario.start(
        defineService("reader").on(Made, (item, context) => {
          redelivered += context.redelivered ? 1 : 0;
          return arrivals.add(item);
        }),
      );
      await arrivals.complete(count);
      assert.ok(subject.disturbed === true || Date.now() - stoppedAt < 5_000, "the next instance had to wait");
      assert.ok(subject.disturbed === true || redelivered === 0, `${redelivered} were delivered again`);
    },
  },
];
