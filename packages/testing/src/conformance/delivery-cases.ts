// Promises of the port itself: credits, answers, and what becomes of a delivery that nobody answers.

import assert from "node:assert/strict";
import {
  type Consumption,
  type Delivery,
  defineService,
  type PolicyOptions,
  type SubscriptionTopology,
  type TransportConnection,
} from "@throughline/core";
import { eventually } from "../eventually.ts";
import type { ConformanceCase, ConformanceSubject } from "./conformance-case.ts";
import { assertRejects, patience, Scenario } from "./scenario.ts";

const ackWaitMs = 1_000;

interface DurableOptions {
  readonly startFrom?: "first" | "new";
  readonly keepOrder?: boolean;
}

/** A raw durable with one connection, and what it delivered. */
class Durable {
  readonly deliveries: Delivery[] = [];
  readonly topology: SubscriptionTopology;
  readonly connection: TransportConnection;
  readonly #scenario: Scenario;

  private constructor(scenario: Scenario, connection: TransportConnection, options: DurableOptions) {
    this.#scenario = scenario;
    this.connection = connection;
    this.topology = {
      stream: scenario.stream,
      durable: "raw",
      filterSubjects: [`${scenario.context}.made.*`],
      startFrom: options.startFrom ?? "first",
      ackWaitMs,
      keepOrder: options.keepOrder ?? false,
    };
  }

  static async open(scenario: Scenario, options: DurableOptions = {}): Promise<Durable> {
    const connection = await scenario.connect();
    const durable = new Durable(scenario, connection, options);
    await connection.provision({ streams: [], subscriptions: [durable.topology] });
    return durable;
  }

  /** Publishes `count` messages and asks for more than that. */
  static async deliver(scenario: Scenario, count: number): Promise<Durable> {
    const durable = await Durable.open(scenario);
    await durable.publish(count);
    (await durable.consume()).grant(100);
    return durable;
  }

  async publish(count: number, prefix = "m"): Promise<void> {
    const messages = Array.from({ length: count }, (_, n) => ({
      subject: `${this.#scenario.context}.made.k${n}`,
      headers: new Map(),
      body: Buffer.from(`{"n":${n}}`),
      messageId: `${prefix}${n}`,
    }));
    await Promise.all(messages.map((message) => this.connection.publish(message)));
  }

  consume(): Promise<Consumption> {
    return this.connection.consume(this.topology, {
      onDelivery: (delivery) => this.deliveries.push(delivery),
      onReplay: () => undefined,
    });
  }

  attemptsOf(sequence: number): number[] {
    return this.deliveries.filter(({ storedAt }) => storedAt.sequence === sequence).map(({ attempt }) => attempt);
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Durations mean nothing while servers die. */
const isCalm = (subject: ConformanceSubject) => subject.disturbed !== true;

export const deliveryCases: readonly ConformanceCase[] = [
  {
    title: "delivers no more than was granted",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const durable = await Durable.open(scenario);
      await durable.publish(20);
      const consumption = await durable.consume();
      await pause(200);
      assert.ok(durable.deliveries.length < 1, "something was delivered before the first grant");
      consumption.grant(3);
      await eventually(() => durable.deliveries.length >= 3, patience);
      for (const delivery of durable.deliveries) {
        delivery.acknowledge();
      }
      await pause(300);
      assert.ok(!isCalm(subject) || durable.deliveries.length === 3, `${durable.deliveries.length} were delivered`);
      consumption.grant(100);
      await eventually(
        () => new Set(durable.deliveries.map(({ storedAt }) => storedAt.sequence)).size === 20,
        patience,
      );
    },
  },
  {
    title: "delivers an unanswered message again after the ack wait, and counts the attempts",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const durable = await Durable.deliver(scenario, 1);
      await eventually(() => durable.deliveries.length >= 3, patience);
      assert.deepEqual(durable.attemptsOf(durable.deliveries[0]?.storedAt.sequence ?? 0).slice(0, 3), [1, 2, 3]);
    },
  },
  {
    title: "in order, brings what a dead one had in hand to its successor before anything new",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const durable = await Durable.open(scenario, { keepOrder: true });
      await durable.publish(3);
      const first = await durable.consume();
      first.grant(3);
      await eventually(() => durable.deliveries.length === 3, patience);
      const inHand = durable.deliveries.map(({ storedAt }) => storedAt.sequence);
      // It dies without a word.
      await first.stop();
      durable.deliveries.length = 0;
      await durable.publish(3, "later");
      const successor = await durable.consume();
      successor.grant(100);
      await eventually(() => durable.deliveries.length >= 6, patience);
      const order = durable.deliveries.map(({ storedAt }) => storedAt.sequence);
      assert.deepEqual(order.slice(0, 3).toSorted(), inHand.toSorted(), "something newer came first");
      for (const delivery of durable.deliveries) {
        delivery.acknowledge();
      }
      await successor.stop();
      // Where nothing was left behind, nobody waits.
      await durable.publish(1, "last");
      await pause(200);
      const startedAt = Date.now();
      const third = await durable.consume();
      third.grant(1);
      await eventually(() => durable.deliveries.length >= 7, patience);
      assert.ok(!isCalm(subject) || Date.now() - startedAt < ackWaitMs / 2, "it waited for nothing");
    },
  },
  {
    title: "keeps an extended message with whoever works on it",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const durable = await Durable.deliver(scenario, 1);
      const delivery = await eventually(() => durable.deliveries[0], patience);
      const extending = setInterval(() => delivery.extend(), ackWaitMs / 4);
      await pause(3 * ackWaitMs);
      clearInterval(extending);
      assert.ok(!isCalm(subject) || durable.deliveries.length === 1);
      delivery.acknowledge();
    },
  },
  {
    title: "delivers nothing again that was acknowledged or terminated, and what was given back after its delay",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const durable = await Durable.deliver(scenario, 3);
      await eventually(() => durable.deliveries.length >= 3, patience);
      const [first, second, third] = durable.deliveries as [Delivery, Delivery, Delivery];
      first.acknowledge();
      second.terminate("of no use");
      const retriedAt = Date.now();
      third.retry(600);
      const again = await eventually(() => durable.deliveries[3], patience);
      assert.ok(!isCalm(subject) || Date.now() - retriedAt >= 550, "it came before its delay was over");
      again.acknowledge();
      await pause(2 * ackWaitMs);
      if (isCalm(subject)) {
        const again = durable.deliveries.slice(3).map(({ storedAt, attempt }) => [storedAt.sequence, attempt]);
        assert.deepEqual(again, [[third.storedAt.sequence, 2]]);
      }
    },
  },
  {
    title: "delivers nothing while it is paused, then what was given back before anything newer",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const durable = await Durable.open(scenario);
      await durable.publish(20);
      const consumption = await durable.consume();
      consumption.grant(5);
      await eventually(() => durable.deliveries.length >= 5, patience);
      consumption.grant(3);
      await consumption.pause();
      const before = [...durable.deliveries];
      for (const delivery of before) {
        delivery.retry(0);
      }
      await pause(300);
      assert.equal(durable.deliveries.length, before.length, "something was delivered during the pause");
      await consumption.resume();
      await pause(200);
      assert.equal(durable.deliveries.length, before.length, "grants from before the pause still counted");
      consumption.grant(40);
      await eventually(
        () => new Set(durable.deliveries.map(({ storedAt }) => storedAt.sequence)).size === 20,
        patience,
      );
      if (isCalm(subject)) {
        const after = durable.deliveries.slice(before.length).map(({ storedAt }) => storedAt.sequence);
        assert.deepEqual(
          after.slice(0, 20),
          Array.from({ length: 20 }, (_, n) => n + 1),
        );
      }
      for (const delivery of durable.deliveries) {
        delivery.acknowledge();
      }
    },
  },
  {
    title: "brings what was given back before anything newer, also when it is asked for in the same breath",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const durable = await Durable.open(scenario);
      await durable.publish(20);
      const consumption = await durable.consume();
      consumption.grant(5);
      await eventually(() => durable.deliveries.length >= 5, patience);
      await consumption.pause();
      const before = [...durable.deliveries];
      for (const delivery of before) {
        delivery.retry(0);
      }
      await consumption.resume();
      consumption.grant(20);
      await eventually(() => durable.deliveries.length >= before.length + 20, patience);
      if (isCalm(subject)) {
        assert.deepEqual(
          durable.deliveries.slice(before.length).map(({ storedAt }) => storedAt.sequence),
          Array.from({ length: 20 }, (_, n) => n + 1),
        );
      }
      for (const delivery of durable.deliveries) {
        delivery.acknowledge();
      }
    },
  },
  {
    title: "holds back from every instance, until it is released or the time is over",
    needs: "fleet-pause",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const durable = await Durable.open(scenario);
      const [first, second] = [await durable.consume(), await durable.consume()];
      first.grant(100);
      second.grant(100);
      await first.holdFleet(60_000);
      await durable.publish(5);
      await pause(300);
      // A new leader may learn of the pause a little after it begins to deliver.
      assert.ok(!isCalm(subject) || durable.deliveries.length === 0, "something was delivered during the pause");
      await first.releaseFleet();
      await eventually(() => durable.deliveries.length >= 5, patience);
      await second.holdFleet(1_000);
      await durable.publish(5, "later");
      await eventually(() => durable.attemptsOf(10).length > 0, patience);
      for (const delivery of durable.deliveries) {
        delivery.acknowledge();
      }
    },
    async refused(subject) {
      await using scenario = new Scenario(subject);
      const consumption = await (await Durable.open(scenario)).consume();
      await assertRejects(consumption.holdFleet(1_000), "BUS_FEATURE_UNSUPPORTED");
      const policy: PolicyOptions = { breaker: { scope: "fleet" } };
      const reader = defineService("reader").on(scenario.Made, { policy }, () => undefined);
      await assertRejects(scenario.start(reader), "BUS_FEATURE_UNSUPPORTED");
    },
  },
  {
    title: "remembers what became of an event beyond the connection that noted it",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const [one, other] = [await scenario.connect(), await scenario.connect()];
      const event = { stream: scenario.stream, sequence: 7, timeMs: 0 };
      assert.equal(await one.attempts.read("reader", event), undefined);
      const error = { name: "Error", message: "näy" };
      await one.attempts.write("reader", event, { failures: 1, starts: 0, returned: 0, atMs: 1, error });
      await one.attempts.write("reader", event, { failures: 2, starts: 1, returned: 3, atMs: 2, error });
      assert.deepEqual(await other.attempts.read("reader", event), {
        failures: 2,
        starts: 1,
        returned: 3,
        atMs: 2,
        error,
      });
      assert.equal(await other.attempts.read("another", event), undefined);
      assert.equal(await other.attempts.read("reader", { ...event, sequence: 8 }), undefined);
    },
  },
  {
    title: "lets a durable begin with what comes, where it says so, and go on where it was",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const connection = await scenario.connect();
      const message = { headers: new Map(), body: Buffer.from("{}"), subject: `${scenario.context}.made.a` };
      await connection.publish({ ...message, messageId: "before" });
      const durable = await Durable.open(scenario, { startFrom: "new" });
      await durable.publish(1, "after");
      const consumption = await durable.consume();
      consumption.grant(10);
      await eventually(() => durable.attemptsOf(2).length > 0, patience);
      // Where "now" is, a new leader decides by what it has: a replica that lags may begin a little earlier.
      assert.ok(!isCalm(subject) || durable.attemptsOf(1).length === 0, "it began with what was there before");
      for (const delivery of durable.deliveries) {
        delivery.acknowledge();
      }
      await consumption.stop();
      await durable.publish(1, "later");
      const resumed = await durable.consume();
      resumed.grant(10);
      await eventually(() => durable.deliveries.some(({ storedAt }) => storedAt.sequence === 3), patience);
      assert.ok(!isCalm(subject) || durable.attemptsOf(2).length === 1);
      await resumed.stop();
    },
  },
];
