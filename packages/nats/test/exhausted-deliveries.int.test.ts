// Somebody limits the deliveries of a durable consumer, and the server gives up while the service is not there.

import { connect, createInbox, type NatsConnection } from "@nats-io/transport-node";
import { defineService, openDeadLetters, run, silentLogger } from "@throughline/core";
import { findServersToTest, type NatsServer, startNatsServer } from "@throughline/servers";
import { defineItem, eventually, type Item } from "@throughline/testing";
import { afterAll, beforeAll, describe, expect, test as vitestTest } from "vitest";
import { nats } from "../src/index.ts";

const Made = defineItem("items.made");

describe.each(await findServersToTest())("on $name", ({ server: found }) => {
  const test = vitestTest.skipIf(found === undefined);
  let server: NatsServer;
  beforeAll(async () => {
    server = await startNatsServer(found && { server: found });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  test("an event that ran out of deliveries while nobody ran becomes a dead letter, and can be redriven", async () => {
    const settings = { transport: nats({ servers: server.url }), logger: silentLogger, signals: false };
    const handled: Item[] = [];
    const reader = () =>
      run(
        defineService("reader").on(Made, (item) => handled.push(item)),
        settings,
      );
    const outside = await connect({ servers: server.url });
    const ask = async <Answer>(subject: string, body: object = {}): Promise<Answer> =>
      (await outside.request(`$JS.API.${subject}`, JSON.stringify(body))).json<Answer>();

    const first = await reader();
    await eventually(async () => {
      const info = await ask<{ error?: object }>("CONSUMER.INFO.EXHAUSTED_DELIVERIES.reader-exhausted");
      return info.error === undefined;
    });
    await first.stop();
    const { config } = await ask<{ config: object }>("CONSUMER.INFO.ITEMS.reader-made");
    await ask("CONSUMER.CREATE.ITEMS.reader-made", {
      stream_name: "ITEMS",
      config: { ...config, max_deliver: 2, ack_wait: 100_000_000 },
    });
    outside.publish("items.made.a", JSON.stringify({ key: "a", n: 1 }));
    // Somebody who pulls and never answers.
    const { unsubscribe } = pullForEver(outside);
    await eventually(async () => {
      const info = await ask<{ state: { messages: number } }>("STREAM.INFO.EXHAUSTED_DELIVERIES");
      return info.state.messages > 0;
    });
    unsubscribe();

    await using second = await reader();
    await using letters = await openDeadLetters({ ...settings, operator: "test", contracts: [Made] });
    const letter = await eventually(async () => {
      for await (const one of letters.list({ service: "reader" })) {
        return one;
      }
      return undefined;
    });
    expect(letter).toMatchObject({ reason: "deliveries-exhausted", subscription: "made", attempts: 2, key: "a" });
    expect(handled).toEqual([]);
    const report = await letters.redrive({ sequences: [letter.sequence] });
    expect(report).toMatchObject({ state: "completed", redriven: 1 });
    expect(handled).toEqual([{ key: "a", n: 1 }]);
    expect(second.health().status).toBe("ready");
    await outside.close();
  });
});

function pullForEver(connection: NatsConnection): { unsubscribe(): void } {
  const inbox = createInbox();
  connection.subscribe(inbox, { callback: () => undefined });
  const pull = () => {
    const request = JSON.stringify({ batch: 1, expires: 150_000_000 });
    connection.publish("$JS.API.CONSUMER.MSG.NEXT.ITEMS.reader-made", request, { reply: inbox });
  };
  const timer = setInterval(pull, 100);
  return { unsubscribe: () => clearInterval(timer) };
}
