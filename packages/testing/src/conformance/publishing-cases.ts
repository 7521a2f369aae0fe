// Promises about publishing.

import assert from "node:assert/strict";
import { defineService, type OutgoingMessage } from "@throughline/core";
import { eventually } from "../eventually.ts";
import type { ConformanceCase } from "./conformance-case.ts";
import { assertRejects, makeItems, patience, Scenario, whenCaughtUp } from "./scenario.ts";

function messageOf(scenario: Scenario, n: number, messageId: string, key = "a"): OutgoingMessage {
  const body = Buffer.from(JSON.stringify({ key, n }));
  return { subject: `${scenario.context}.made.${key}`, headers: new Map(), body, messageId, orderKey: key };
}

export const publishingCases: readonly ConformanceCase[] = [
  {
    title: "reads back what is stored, from anywhere on, whatever was deleted",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const connection = await scenario.connect();
      const { stream, context } = scenario;
      const read = async (filter: string, from?: number) => {
        const found: number[] = [];
        for await (const { storedAt } of connection.stored.read(stream, filter, from)) {
          found.push(storedAt.sequence);
        }
        return found;
      };
      assert.deepEqual(await read(">"), []);
      const receipts = [];
      for (let n = 0; n < 300; n++) {
        receipts.push(await connection.publish(messageOf(scenario, n, `m${n}`, `k${n}`)));
      }
      const sequences = receipts.map(({ sequence }) => sequence);
      for (const filter of [">", `${context}.>`]) {
        assert.deepEqual(await read(filter), sequences);
        assert.deepEqual(await read(filter, sequences[290]), sequences.slice(290));
      }
      for (const gone of [sequences[0], sequences[100], ...sequences.slice(295)]) {
        await connection.stored.delete(stream, gone ?? 0);
      }
      const left = sequences.slice(1, 295).filter((sequence) => sequence !== sequences[100]);
      for (const filter of [">", `${context}.>`]) {
        await whenCaughtUp(subject, async () => {
          const found = await read(filter);
          assert.deepEqual(found, left);
          return found;
        });
      }
      assert.deepEqual(await read(`${context}.elsewhere.*`), []);
    },
  },
  {
    title: "stores thousands of events at once, each confirmed under a sequence of its own",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const connection = await scenario.connect();
      const receipts = await Promise.all(
        Array.from({ length: 3_000 }, (_, n) => connection.publish(messageOf(scenario, n, `m${n}`, `k${n}`))),
      );
      assert.equal(new Set(receipts.map(({ sequence }) => sequence)).size, 3_000);
      assert.ok(receipts.every(({ stream }) => stream === scenario.stream));
    },
  },
  {
    title: "stores a repeated message id once, and says so",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const connection = await scenario.connect();
      const first = await connection.publish(messageOf(scenario, 1, "same"));
      const again = await connection.publish(messageOf(scenario, 1, "same"));
      assert.deepEqual(again, { ...first, duplicate: true });
    },
  },
  {
    title: "stores events of one key in the order of the calls",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made } = scenario;
      const { arrivals, writer } = await scenario.startReaderAndWriter({ order: "key" });
      await Promise.all(makeItems(600, 3).map((item) => writer.publish(Made, item)));
      await arrivals.complete(600);
      arrivals.assertOrderPerKey();
    },
  },
  {
    title: "refuses a subject that no stream takes",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const connection = await scenario.connect({ publishTimeoutMs: 500 });
      const message = { ...messageOf(scenario, 1, "m"), subject: `${scenario.context}x.made.a` };
      await assertRejects(connection.publish(message), "NATS_PUBLISH_REJECTED", "NATS_PUBLISH_UNCONFIRMED");
    },
  },
  {
    title: "carries a publisher's own headers, and refuses those of the system",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made } = scenario;
      const found: (string | undefined)[] = [];
      await scenario.start(
        defineService("reader").on(Made, (_item, { headers }) => found.push(headers.get("x-tenant"))),
      );
      const writer = await scenario.start(defineService("writer", { publishes: [Made] }));
      await writer.publish(Made, { key: "a", n: 1 }, { headers: { "X-Tenant": "blue" } });
      await eventually(() => found.length, patience);
      assert.equal(found[0], "blue");
      for (const name of ["Nats-Rollup", "ce-id", "traceparent", "throughline-dead-reason"]) {
        const publication = writer.publish(Made, { key: "a", n: 2 }, { headers: { [name]: "x" } });
        await assertRejects(publication, "BUS_HEADER_RESERVED");
      }
      const broken = writer.publish(Made, { key: "a", n: 2 }, { headers: { "x-a": "b\r\nNats-Rollup: all" } });
      await assertRejects(broken, "BUS_PUBLISH_INVALID");
    },
  },
  {
    title: "stores an event once that is published again under its id",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made } = scenario;
      const { arrivals, writer } = await scenario.startReaderAndWriter();
      await writer.publish(Made, { key: "a", n: 1 }, { id: `${scenario.context}-request-7` });
      await writer.publish(Made, { key: "a", n: 1 }, { id: `${scenario.context}-request-7` });
      await writer.publish(Made, { key: "b", n: 2 });
      await arrivals.complete(2);
    },
  },
  {
    title: "publishes many events in one call, and names those that failed",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made, Changed } = scenario;
      const { arrivals, writer } = await scenario.startReaderAndWriter({ order: "key" });
      const envelopes = await writer.publishAll([
        [Made, { key: "a", n: 1 }],
        [Changed, { key: "a", n: 2 }],
        [Made, { key: "b", n: 3 }],
      ]);
      assert.deepEqual(
        envelopes.map(({ type }) => type),
        [Made.type, Changed.type, Made.type],
      );
      await arrivals.complete(3);
      arrivals.assertOrderPerKey();
      const error = await assertRejects(
        writer.publishAll([
          [Made, { key: "c", n: 4 }],
          [Made, { key: "d", n: "five" as unknown as number }],
        ]),
        "BUS_BATCH_INCOMPLETE",
      );
      assert.deepEqual(error.details["stored"], 1);
      await arrivals.complete(4);
    },
  },
  {
    title: "stores an atomic batch as a whole, or not at all",
    needs: "atomic-batch",
    async run(subject) {
      await using scenario = new Scenario(subject);
      const { Made, Changed } = scenario;
      const { arrivals, writer } = await scenario.startReaderAndWriter({ order: "key" });
      const batch = makeItems(200, 4).map((item) => [item.n % 2 === 0 ? Made : Changed, item] as const);
      await writer.publishAll(batch, { atomic: true });
      await arrivals.complete(200);
      arrivals.assertOrderPerKey();
      await writer.publish(Made, { key: "z", n: 200 }, { id: `${scenario.context}-taken` });
      await assertRejects(
        writer.publishAll(
          [
            [Made, { key: "z", n: 201 }],
            [Made, { key: "z", n: 200 }, { id: `${scenario.context}-taken` }],
          ],
          { atomic: true },
        ),
        "NATS_PUBLISH_REJECTED",
      );
      await writer.publish(Made, { key: "z", n: 202 });
      await arrivals.complete(202);
    },
    async refused(subject) {
      await using scenario = new Scenario(subject);
      const { Made } = scenario;
      const writer = await scenario.start(defineService("writer", { publishes: [Made] }));
      const batch = writer.publishAll([[Made, { key: "a", n: 1 }]], { atomic: true });
      await assertRejects(batch, "BUS_FEATURE_UNSUPPORTED");
    },
  },
];
