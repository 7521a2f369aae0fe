// What a running service does when somebody else changes its durable consumer or its stream.

import { connect, type NatsConnection } from "@nats-io/transport-node";
import { defineEvent } from "@throughline/contracts";
import { defineService, run, silentLogger } from "@throughline/core";
import { findServersToTest, type NatsServer, startNatsServer } from "@throughline/servers";
import { eventually } from "@throughline/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { type ConsumerPolicy, nats } from "../src/index.ts";

let contexts = 0;

for (const [index, { name, server: found }] of (await findServersToTest()).entries()) {
  const isModern = index === 0;
  describe.skipIf(found === undefined).concurrent(`on ${name}`, () => {
    let server: NatsServer;
    let outside: NatsConnection;
    beforeAll(async () => {
      server = await startNatsServer(found && { server: found });
      outside = await connect({ servers: server.url });
    });
    afterAll(async () => {
      await outside.close();
      await server[Symbol.asyncDispose]();
    });

    const request = async <Answer = { error?: unknown }>(subject: string, body: object = {}): Promise<Answer> =>
      (await outside.request(`$JS.API.${subject}`, JSON.stringify(body))).json<Answer>();

    /** A service that handled events 0 to 9, with the server's word that they are settled. */
    async function setUp(consumers: ConsumerPolicy = {}) {
      const context = `outside${++contexts}`;
      const stream = context.toUpperCase();
      const Made = defineEvent(`${context}.made`, { key: ({ id }: { id: string }) => id }).version(
        1,
        z.object({ id: z.string() }),
      );
      const handled: string[] = [];
      const service = defineService("reader", { publishes: [Made] }).on(Made, ({ id }) => handled.push(id));
      const transport = nats({ servers: server.url, consumers });
      const running = await run(service, { transport, logger: silentLogger, signals: false });
      const publish = (from: number, to: number) =>
        Promise.all(
          Array.from({ length: to - from }, (_, offset) => running.publish(Made, { id: `${from + offset}` })),
        );
      await publish(0, 10);
      await eventually(() => handled.length === 10);
      // The service has looked at its consumer since.
      await eventually(() => running.health().subscriptions["reader-made"]?.lag === 0);
      const info = `CONSUMER.INFO.${stream}.reader-made`;
      await eventually(
        async () => (await request<{ ack_floor?: { stream_seq: number } }>(info)).ack_floor?.stream_seq === 10,
      );
      return {
        running,
        handled,
        publish,
        stream,
        durable: `${stream}.reader-made`,
        problems: () => running.health().problems.join(),
        [Symbol.asyncDispose]: () => running.stop(),
      };
    }

    test("a deleted consumer is made again where it was: nothing twice, nothing missed", async () => {
      await using system = await setUp();
      // Long enough for the service to have seen what was settled.
      await new Promise((resolve) => setTimeout(resolve, 5_000));
      await request(`CONSUMER.DELETE.${system.durable}`);
      await system.publish(10, 20);
      await eventually(() => system.handled.length >= 20);
      expect(system.handled).toHaveLength(20);
      const { config } = await request<{ config: { opt_start_seq?: number } }>(`CONSUMER.INFO.${system.durable}`);
      expect(config.opt_start_seq).toBe(11);
      await eventually(() => system.running.health().status === "ready");
    }, 30_000);

    test("a deleted consumer is left alone where the policy says so, and health tells", async () => {
      await using system = await setUp({ whenDeleted: "report" });
      await request(`CONSUMER.DELETE.${system.durable}`);
      await eventually(() => system.problems().includes("deleted from outside"));
      await system.publish(10, 12);
      expect(await request(`CONSUMER.INFO.${system.durable}`)).toHaveProperty("error");
      expect(system.running.health().status).toBe("degraded");
      expect(system.handled).toHaveLength(10);
    }, 30_000);

    test("a deleted stream is made again, and the first events of the new one are new", async () => {
      await using system = await setUp();
      await request(`STREAM.DELETE.${system.stream}`);
      await eventually(async () => (await request(`STREAM.INFO.${system.stream}`)).error === undefined);
      await system.publish(10, 15);
      await eventually(() => system.handled.length >= 15);
      expect(system.handled.slice(10).toSorted()).toEqual(["10", "11", "12", "13", "14"]);
      await eventually(() => system.running.health().status === "ready");
    }, 30_000);

    test("a consumer that somebody made anew delivers everything again, as was meant", async () => {
      await using system = await setUp();
      const { config } = await request<{ config: object }>(`CONSUMER.INFO.${system.durable}`);
      await request(`CONSUMER.DELETE.${system.durable}`);
      await request(`CONSUMER.CREATE.${system.durable}`, { stream_name: system.stream, config });
      await eventually(() => system.handled.length >= 20, { timeoutMs: 15_000 });
      expect(system.handled.slice(10).toSorted()).toEqual(system.handled.slice(0, 10).toSorted());
    }, 30_000);

    test.skipIf(!isModern)(
      "a paused consumer shows in health within 10 s, and goes on when the pause ends",
      async () => {
        await using system = await setUp();
        const pausedAt = Date.now();
        await request(`CONSUMER.PAUSE.${system.durable}`, { pause_until: new Date(pausedAt + 60_000).toISOString() });
        await eventually(() => system.problems().includes("paused from outside"));
        expect(Date.now() - pausedAt).toBeLessThan(10_000);
        await system.publish(10, 15);
        expect(system.handled).toHaveLength(10);
        await request(`CONSUMER.PAUSE.${system.durable}`);
        await eventually(() => system.handled.length === 15);
        await eventually(() => system.running.health().status === "ready");
      },
      40_000,
    );

    test.skipIf(!isModern)(
      "a pause is lifted where the policy says so",
      async () => {
        await using system = await setUp({ whenPaused: "resume" });
        await request(`CONSUMER.PAUSE.${system.durable}`, { pause_until: new Date(Date.now() + 60_000).toISOString() });
        await system.publish(10, 15);
        await eventually(() => system.handled.length === 15);
      },
      30_000,
    );

    test.skipIf(!isModern)(
      "a consumer that was set back delivers from there again",
      async () => {
        await using system = await setUp();
        await request(`CONSUMER.RESET.${system.durable}`, { seq: 6 });
        await eventually(() => system.handled.length >= 15, { timeoutMs: 15_000 });
        expect(system.handled.slice(10).toSorted()).toEqual(["5", "6", "7", "8", "9"]);
      },
      30_000,
    );
  });
}
