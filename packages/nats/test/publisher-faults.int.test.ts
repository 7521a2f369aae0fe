// The confirmed publisher when a stream is full, missing or overwhelmed, and when it may not publish at all.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { type OutgoingMessage, silentLogger, type TransportConnection } from "@throughline/core";
import { type NatsServer, startNatsServer } from "@throughline/servers";
import { eventually, startFaultyProxy } from "@throughline/testing";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type NatsOptions, nats } from "../src/index.ts";
import { openStoredEvents } from "../src/read-stored-events.ts";

let server: NatsServer;
let outside: NatsConnection;
beforeAll(async () => {
  server = await startNatsServer();
  outside = await connect({ servers: server.url });
});
afterAll(async () => {
  await outside.close();
  await server[Symbol.asyncDispose]();
});

const open = (options: NatsOptions = {}): Promise<TransportConnection> =>
  nats({ servers: server.url, ...options }).connect({ service: "writer", logger: silentLogger });

const messageOf = (subject: string, n: number, bytes = 8): OutgoingMessage => ({
  subject,
  headers: new Map(),
  body: Buffer.from(String(n).padEnd(bytes)),
  messageId: `${subject}-${n}`,
  orderKey: subject,
});

describe("the confirmed publisher", () => {
  test("keeps the order of a key while every publication has to be tried again", async () => {
    const connection = await open();
    const publications = Array.from({ length: 60 }, (_, n) => connection.publish(messageOf("late.made.a", n)));
    // Nobody takes the subject yet: the first one of the key is refused and tried again.
    await new Promise((resolve) => setTimeout(resolve, 200));
    await connection.provision({ streams: [{ name: "LATE", subjects: ["late.>"] }], subscriptions: [] });
    const receipts = await Promise.all(publications);
    expect(receipts.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 60 }, (_, n) => n + 1));
    await using reader = await openStoredEvents(server.url);
    const stored = await reader.messages("LATE", "late.made.a");
    expect(stored.map(({ message }) => Number(Buffer.from(message.body)))).toEqual(
      Array.from({ length: 60 }, (_, n) => n),
    );
    await connection.close();
  });

  test("waits while the stream is full, and holds back what comes after", async () => {
    const connection = await open({ streams: { maxBytes: 20_000 }, maxInFlight: 8 });
    await connection.provision({ streams: [{ name: "FULL", subjects: ["full.>"] }], subscriptions: [] });
    let confirmed = 0;
    const publications = Array.from({ length: 40 }, async (_, n) => {
      await connection.publish(messageOf(`full.made.k${n}`, n, 1_000));
      confirmed++;
    });
    await eventually(() => confirmed > 10);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(confirmed).toBeLessThan(40);
    while (confirmed < 40) {
      await outside.request("$JS.API.STREAM.PURGE.FULL");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await Promise.all(publications);
    await connection.close();
  });

  test("gives up on a full stream when time is over, and says why", async () => {
    const connection = await open({ streams: { maxBytes: 2_000 }, publishTimeoutMs: 400 });
    await connection.provision({ streams: [{ name: "TINY", subjects: ["tiny.>"] }], subscriptions: [] });
    const publications = Array.from({ length: 4 }, (_, n) => connection.publish(messageOf("tiny.made.a", n, 900)));
    const results = await Promise.allSettled(publications);
    const failed = results.filter((result) => result.status === "rejected").map(({ reason }) => reason);
    expect(failed.length).toBeGreaterThan(0);
    expect(failed[0]).toMatchObject({
      code: "NATS_PUBLISH_UNCONFIRMED",
      details: { eventId: expect.stringMatching(/^tiny/), reason: expect.stringMatching(/maximum bytes exceeded/) },
    });
    await connection.close();
  });

  test("refuses at once what the stream will never take", async () => {
    const connection = await open();
    await connection.provision({ streams: [{ name: "SMALL", subjects: ["small.>"] }], subscriptions: [] });
    const { config } = (await outside.request("$JS.API.STREAM.INFO.SMALL")).json<{ config: object }>();
    await outside.request("$JS.API.STREAM.UPDATE.SMALL", JSON.stringify({ ...config, max_msg_size: 500 }));
    const startedAt = performance.now();
    await expect(connection.publish(messageOf("small.made.a", 1, 1_000))).rejects.toMatchObject({
      code: "NATS_PAYLOAD_TOO_LARGE",
      remedy: expect.stringContaining("max_msg_size"),
    });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    await connection.close();
  });

  test("holds two batches of crossing keys, and single events between them, in the order of the calls", async () => {
    const connection = await open({ maxInFlight: 2 });
    await connection.provision({ streams: [{ name: "CROSS", subjects: ["cross.>"] }], subscriptions: [] });
    const publications: Promise<unknown>[] = [];
    for (let n = 0; n < 40; n += 4) {
      publications.push(
        connection.publish(messageOf("cross.made.a", n)),
        connection.publishAtomically([messageOf("cross.made.a", n + 1), messageOf("cross.made.b", n + 1)]),
        connection.publishAtomically([messageOf("cross.made.b", n + 2), messageOf("cross.made.a", n + 2)]),
        connection.publish(messageOf("cross.made.b", n + 3)),
      );
    }
    await Promise.all(publications);
    await using reader = await openStoredEvents(server.url);
    for (const key of ["a", "b"]) {
      const numbers = (await reader.messages("CROSS", `cross.made.${key}`)).map(({ message }) =>
        Number(Buffer.from(message.body)),
      );
      expect(numbers).toHaveLength(30);
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
    await connection.close();
  });

  test("sends a full window again after the connection broke", async () => {
    await using proxy = await startFaultyProxy(Number(new URL(server.url).port));
    const connection = await open({ servers: `127.0.0.1:${proxy.port}`, maxInFlight: 16 });
    await connection.provision({ streams: [{ name: "CUT", subjects: ["cut.>"] }], subscriptions: [] });
    const losing = proxy.loseAndCut(100);
    const publications = Array.from({ length: 200 }, (_, n) => connection.publish(messageOf(`cut.made.k${n % 40}`, n)));
    await losing;
    const receipts = await Promise.all(publications);
    expect(new Set(receipts.map(({ sequence }) => sequence)).size).toBe(200);
    expect(receipts.some(({ duplicate }) => duplicate)).toBe(true);
    await connection.close();
  });

  test("treats an overwhelmed server as a reason to wait", async () => {
    const dataFolder = await mkdtemp(join(tmpdir(), "throughline-overwhelmed-"));
    onTestFinished(() => rm(dataFolder, { recursive: true, force: true }));
    const config = `jetstream { store_dir: ${JSON.stringify(dataFolder)}, max_buffered_msgs: 4 }`;
    await using overwhelmed = await startNatsServer({ dataFolder, config });
    const plain = await connect({ servers: overwhelmed.url });
    const connection = await open({ servers: overwhelmed.url });
    await connection.provision({ streams: [{ name: "BUSY", subjects: ["busy.>"] }], subscriptions: [] });
    const refusals: number[] = [];
    plain.subscribe("answers", {
      callback: (_error, message) => {
        const { error } = message.json<{ error?: { err_code: number } }>();
        refusals.push(...(error === undefined ? [] : [error.err_code]));
      },
    });
    const publications: Promise<unknown>[] = [];
    for (let n = 0; n < 4_000; n++) {
      publications.push(connection.publish(messageOf(`busy.made.k${n}`, n)));
      plain.publish("busy.plain", "x", { reply: "answers" });
    }
    const receipts = await Promise.all(publications);
    expect(receipts).toHaveLength(4_000);
    await plain.flush();
    // A plain client is told off, so the server really was overwhelmed.
    expect(refusals).toContain(10167);
    await plain.close();
    await connection.close();
  });

  test("an event that cannot even be sent is an error at once, and leaves nothing running", async () => {
    const connection = await open();
    await expect(connection.publish(messageOf("two words", 1))).rejects.toMatchObject({
      code: "NATS_PUBLISH_REJECTED",
      details: { subject: "two words" },
    });
    const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    await expect(connection.publish(messageOf("two words", 2))).rejects.toThrow();
    expect(process.getActiveResourcesInfo().filter((name) => name === "Timeout").length).toBe(before);
    await connection.close();
    await expect(connection.publish(messageOf("late.made.a", 1))).rejects.toMatchObject({ code: "BUS_STOPPED" });
  });

  test("a connection that breaks while it is closed is closed all the same", async () => {
    await using proxy = await startFaultyProxy(Number(new URL(server.url).port));
    const client = { reconnectTimeWait: 20, reconnectJitter: 0 };
    const connection = await open({ servers: `127.0.0.1:${proxy.port}`, client });
    const losing = proxy.loseAndCut(50);
    await expect(connection.close()).resolves.toBeUndefined();
    await losing;
  });

  test("says at once that a subject is forbidden, and how to permit it", async () => {
    const config = `authorization { users: [
      { user: "writer", password: "pw", permissions: { publish: ["$JS.API.>", "allowed.>"], subscribe: ["_INBOX_writer.>"] } }
    ] }`;
    await using guarded = await startNatsServer({ config });
    const connection = await open({ servers: guarded.url, client: { user: "writer", pass: "pw" } });
    const streams = ["allowed", "forbidden"].map((name) => ({ name: name.toUpperCase(), subjects: [`${name}.>`] }));
    await connection.provision({ streams, subscriptions: [] });
    await connection.publish(messageOf("allowed.made.a", 1));
    const startedAt = performance.now();
    await expect(connection.publish(messageOf("forbidden.made.a", 1))).rejects.toMatchObject({
      code: "NATS_UNAUTHORIZED",
      remedy: expect.stringContaining("forbidden.made.a"),
    });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    await connection.publish(messageOf("allowed.made.a", 2));
    await connection.close();
  });
});
