// The JetStream transport against real servers: the modern one, and Debian's, the floor.

import { connect, headers as createHeaders } from "@nats-io/transport-node";
import { defineEvent } from "@throughline/contracts";
import { defineService, type Logger, run, silentLogger } from "@throughline/core";
import { findServersToTest, type NatsServer, startNatsServer } from "@throughline/servers";
import { eventually } from "@throughline/testing";
import { afterAll, beforeAll, describe, expect, vi, test as vitestTest } from "vitest";
import { z } from "zod";
import { nats } from "../src/index.ts";
import { openStoredEvents } from "../src/read-stored-events.ts";

const key = (order: { id: string }) => order.id;
const Schema = z.object({ id: z.string(), n: z.number().default(0) });

/** Events in a context of their own, so that tests share a server without sharing streams. */
let contexts = 0;
function defineContext() {
  const context = `shop${++contexts}`;
  return {
    context,
    Placed: defineEvent(`${context}.placed`, { key }).version(1, Schema),
    Cancelled: defineEvent(`${context}.cancelled`, { key }).version(1, Schema),
  };
}

describe.each(await findServersToTest())("on $name", ({ server: found }) => {
  const test = vitestTest.skipIf(found === undefined);
  let server: NatsServer;
  const settings = () => ({ transport: nats({ servers: server.url }), logger: silentLogger, signals: false });

  beforeAll(async () => {
    server = await startNatsServer(found && { server: found });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  test("delivers what was published before and after the subscription began, once each", async () => {
    const { Placed } = defineContext();
    await using publisher = await run(defineService("shop", { publishes: [Placed] }), settings());
    await publisher.publish(Placed, { id: "a" });
    const handled: string[] = [];
    const service = defineService("stock").on(Placed, ({ id }) => handled.push(id));
    await using _running = await run(service, settings());
    await Promise.all(Array.from({ length: 500 }, (_, index) => publisher.publish(Placed, { id: `b${index}` })));
    await eventually(() => handled.length >= 501);
    expect(new Set(handled).size).toBe(501);
    expect(handled).toHaveLength(501);
  });

  test("several events of a context share one durable consumer, neighbours stay out", async () => {
    const { context, Placed, Cancelled } = defineContext();
    const Other = defineEvent(`${context}.other`, { key }).version(1, Schema);
    await using publisher = await run(defineService("shop", { publishes: [Placed, Cancelled, Other] }), settings());
    const handled: string[] = [];
    const service = defineService("stock").on([Placed, Cancelled], { name: "all", order: "key" }, ({ n }, { event }) =>
      handled.push(`${event.type.split(".")[1]}${n}`),
    );
    await using _running = await run(service, settings());
    for (const [n, contract] of [Placed, Other, Cancelled, Placed].entries()) {
      await publisher.publish(contract as typeof Placed, { id: "a", n });
    }
    await eventually(() => handled.length === 3);
    expect(handled).toEqual(["placed0", "cancelled2", "placed3"]);
  });

  test("the stream drops a repeated message id", async () => {
    const { context, Placed } = defineContext();
    await using _shop = await run(defineService("shop", { publishes: [Placed] }), settings());
    const connection = await nats({ servers: server.url }).connect({ service: "raw", logger: silentLogger });
    const message = { subject: `${context}.placed.a`, headers: new Map(), body: Buffer.from("{}"), messageId: "same" };
    const first = await connection.publish(message);
    expect(await connection.publish(message)).toEqual({ ...first, duplicate: true });
    await connection.close();
  });

  test("redelivers after a failure with a growing wait, and counts attempts", async () => {
    const { Placed } = defineContext();
    const attempts: number[] = [];
    const policy = { retry: { attempts: 4, initialDelayMs: 30, maxDelayMs: 100 } };
    const service = defineService("stock", { publishes: [Placed] }).on(Placed, { policy }, (_order, { attempt }) => {
      attempts.push(attempt);
      if (attempt < 4) {
        throw new Error("not yet");
      }
    });
    await using running = await run(service, settings());
    await running.publish(Placed, { id: "a" });
    await eventually(() => attempts.length === 4);
    expect(attempts).toEqual([1, 2, 3, 4]);
  });

  test("does not redeliver to another instance while a handler works longer than the ack wait", async () => {
    const { Placed } = defineContext();
    const handler = vi.fn(() => new Promise((resolve) => setTimeout(resolve, 13_000)));
    const service = () => defineService("stock", { publishes: [Placed] }).on(Placed, handler);
    await using first = await run(service(), settings());
    await using _second = await run(service(), settings());
    await first.publish(Placed, { id: "a" });
    await eventually(() => handler.mock.calls.length === 1);
    await handler.mock.results[0]?.value;
    expect(handler).toHaveBeenCalledTimes(1);
  });

  test("gives back what it has no time for when it stops: the next instance goes on at once", async () => {
    const { Placed } = defineContext();
    const handled: string[] = [];
    const shutdownGraceMs = 1_000;
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const service = (handler: (order: { id: string }) => unknown) =>
      defineService("stock", { publishes: [Placed] }).on(Placed, { concurrency: 1 }, handler);
    const first = await run(
      service(async ({ id }) => {
        await gate;
        handled.push(id);
      }),
      { ...settings(), shutdownGraceMs },
    );
    await Promise.all(Array.from({ length: 20 }, (_, index) => first.publish(Placed, { id: `${index}` })));
    const stopping = first.stop();
    // Half of the grace period is for what was fetched.
    await new Promise((resolve) => setTimeout(resolve, shutdownGraceMs * 0.75));
    release();
    await stopping;
    expect(handled).toHaveLength(1);
    const restartedAt = performance.now();
    await using _second = await run(
      service(({ id }) => handled.push(id)),
      settings(),
    );
    await eventually(() => new Set(handled).size === 20);
    expect(handled).toHaveLength(20);
    expect(performance.now() - restartedAt).toBeLessThan(5_000);
  });

  test("garbage from a plain client ends in the dead letters, and the service goes on", async () => {
    const { context, Placed } = defineContext();
    const handled: string[] = [];
    const service = defineService("stock", { publishes: [Placed] }).on(Placed, ({ id }) => handled.push(id));
    await using running = await run(service, settings());
    const outside = await connect({ servers: server.url });
    const send = (suffix: string, body: string | Uint8Array, entries: Record<string, string> = {}) => {
      const headers = createHeaders();
      for (const [name, value] of Object.entries(entries)) {
        headers.append(name, value);
      }
      outside.publish(`${context}.placed.${suffix}`, body, { headers });
    };
    send("bytes", new Uint8Array([0, 255, 1]));
    send("schema", JSON.stringify({ id: 5 }));
    send("type", JSON.stringify({ id: "x" }), { "ce-type": "orders.unknown" });
    send("hostile", JSON.stringify({ id: "x" }), { "ce-id": "%E0%A4%A", "Nats-Expected-Stream": "" });
    // A plain publish cannot write these; the raw protocol can.
    const sendRaw = (suffix: string, block: string, body: string) =>
      outside.publish(`${context}.placed.${suffix}`, body, {
        headers: { encode: () => Buffer.from(block) } as unknown as ReturnType<typeof createHeaders>,
      });
    sendRaw("malformed", "NATS/1.0\r\nno colon here\r\n\r\n", "{}");
    sendRaw("disguised", "NATS/1.0 409 Consumer Deleted\r\n\r\n", "");
    await outside.flush();
    await running.publish(Placed, { id: "fine" });
    await eventually(() => handled.includes("fine"));
    await using reader = await openStoredEvents(server.url);
    const letters = await eventually(async () => {
      const keys = ["bytes", "schema", "type", "hostile", "malformed", "disguised"];
      const found = await Promise.all(
        keys.map((name) => reader.messages("DEAD_LETTERS", `dead.stock.placed.${context}.placed.${name}`)),
      );
      return found.every((list) => list.length === 1) && found.flat();
    });
    expect(letters.map(({ message }) => message.headers.get("throughline-dead-error-name"))).toEqual([
      "CONTRACT_BODY_INVALID",
      "CONTRACT_DATA_INVALID",
      "CONTRACT_ENVELOPE_INVALID",
      "CONTRACT_ENVELOPE_INVALID",
      "CONTRACT_ENVELOPE_INVALID",
      "CONTRACT_BODY_INVALID",
    ]);
    expect(handled).toEqual(["fine"]);
    expect(running.health().status).toBe("ready");
    await outside.close();
  });

  test("a dead letter that would be too large is kept without its body", async () => {
    const { context, Placed } = defineContext();
    await using _running = await run(
      defineService("stock", { publishes: [Placed] }).on(Placed, () => undefined),
      settings(),
    );
    const outside = await connect({ servers: server.url });
    outside.publish(`${context}.placed.large`, new Uint8Array(1_048_576));
    await outside.flush();
    await using reader = await openStoredEvents(server.url);
    const [letter] = await eventually(async () => {
      const found = await reader.messages("DEAD_LETTERS", `dead.stock.placed.${context}.placed.large`);
      return found.length > 0 && found;
    });
    expect(letter?.message.headers.get("throughline-dead-body")).toContain("omitted");
    await outside.close();
  });

  test("refuses a payload above the server's limit, and a subject that no stream takes", async () => {
    const { context } = defineContext();
    const connection = await nats({ servers: server.url, publishTimeoutMs: 300 }).connect({
      service: "raw",
      logger: silentLogger,
    });
    const message = { headers: new Map(), messageId: "m", subject: `${context}.nobody.a` };
    await expect(connection.publish({ ...message, body: new Uint8Array(1_048_577) })).rejects.toMatchObject({
      code: "NATS_PAYLOAD_TOO_LARGE",
    });
    await expect(connection.publish({ ...message, body: new Uint8Array(1) })).rejects.toMatchObject({
      code: "NATS_PUBLISH_UNCONFIRMED",
      details: { reason: "no stream takes this subject" },
    });
    await connection.close();
  });

  test("restores a consumer that was deleted from outside, within seconds", async () => {
    const { context, Placed } = defineContext();
    const handled: string[] = [];
    const service = defineService("stock", { publishes: [Placed] }).on(Placed, ({ id }) => handled.push(id));
    await using running = await run(service, settings());
    await running.publish(Placed, { id: "before" });
    await eventually(() => handled.includes("before"));
    const outside = await connect({ servers: server.url });
    await outside.request(`$JS.API.CONSUMER.DELETE.${context.toUpperCase()}.stock-placed`);
    await running.publish(Placed, { id: "after" });
    await eventually(() => handled.includes("after"));
    await eventually(() => running.health().status === "ready");
    await outside.close();
  });
});

vitestTest(
  "logs every disconnect and reconnect with the server's name, and loses nothing when the server is killed",
  async () => {
    const { Placed } = defineContext();
    const lines: { readonly message: string; readonly serverName?: unknown }[] = [];
    const collect = (fields: object, message: string) => lines.push({ ...fields, message });
    const logger: Logger = { debug: collect, info: collect, warn: collect, error: collect, child: () => logger };
    await using server = await startNatsServer();
    const handled = new Set<string>();
    const service = defineService("stock", { publishes: [Placed] }).on(Placed, ({ id }) => handled.add(id));
    await using running = await run(service, { transport: nats({ servers: server.url }), logger, signals: false });
    const before = Array.from({ length: 200 }, (_, index) => running.publish(Placed, { id: `before${index}` }));
    await server.kill();
    const during = Array.from({ length: 200 }, (_, index) => running.publish(Placed, { id: `during${index}` }));
    await eventually(() => running.health().status === "degraded");
    await server.start();
    await Promise.all([...before, ...during]);
    await eventually(() => handled.size === 400);
    await eventually(() => running.health().status === "ready");
    const named = lines.filter(({ message }) => message === "disconnected" || message === "reconnected");
    expect(named.map(({ message }) => message)).toEqual(["disconnected", "reconnected"]);
    expect(named.every(({ serverName }) => typeof serverName === "string" && serverName.length > 0)).toBe(true);
  },
);

vitestTest("says clearly what is wrong when nothing answers, or JetStream is off", async () => {
  const start = (servers: string) =>
    nats({ servers, connectTimeoutMs: 300 }).connect({ service: "a", logger: silentLogger });
  await expect(start("nats://user:secret@127.0.0.1:1")).rejects.toSatisfy(
    (error: Error & { code: string; details: object }) => {
      expect(error.code).toBe("NATS_UNREACHABLE");
      expect(JSON.stringify([error.message, error.details])).not.toContain("secret");
      return true;
    },
  );
});
