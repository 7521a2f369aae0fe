// The one write for many messages leans on the inside of nats.js. This holds the client to it, and proves the way around.

import { connect, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { type NatsServer, startNatsServer } from "@throughline/servers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Frame } from "../src/publication.ts";
import { WireWriter } from "../src/wire-writer.ts";

let server: NatsServer;
let connection: NatsConnection;
beforeAll(async () => {
  server = await startNatsServer();
  connection = await connect({ servers: server.url });
});
afterAll(async () => {
  await connection.close();
  await server[Symbol.asyncDispose]();
});

const block = "NATS/1.0\r\nce-id: größe\r\n\r\n";
const frame = (subject: string, body: Uint8Array | string): Frame => ({
  subject,
  headerBlock: block,
  headerBytes: Buffer.byteLength(block),
  body,
  bodyBytes: Buffer.byteLength(body),
});
/** The connection as a client would show it that is built differently. */
const withoutInside = () =>
  new Proxy(connection, {
    get: (target, name) => {
      const value = name === "protocol" ? undefined : (Reflect.get(target, name) as unknown);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });

test("nats.js has the inside that the writer leans on", () => {
  const { protocol } = connection as unknown as { protocol: { sendCommand: unknown; outMsgs: unknown } };
  expect(typeof protocol.sendCommand).toBe("function");
  expect(typeof protocol.outMsgs).toBe("number");
});

describe.each([
  ["through the inside", () => connection],
  ["through the documented publish", withoutInside],
])("%s", (name, open) => {
  const subject = `writer-${name.length}`;

  test("messages arrive whole and in order: text, bytes, replies, answers, and what is larger than a chunk", async () => {
    const received: Msg[] = [];
    const { promise: done, resolve } = Promise.withResolvers<void>();
    connection.subscribe(`${subject}.>`, {
      callback: (_error, message) => {
        received.push(message);
        if (received.length === 204) {
          resolve();
        }
      },
    });
    await connection.flush();
    const writer = new WireWriter(open());
    const large = new Uint8Array(200_000).fill(7);
    writer.publish(frame(`${subject}.text`, '{"größe":1}'), "back.to.me");
    writer.publish(frame(`${subject}.bytes`, new Uint8Array([0, 255, 13, 10])), "");
    writer.publish(frame(`${subject}.large`, large), "");
    writer.answer(`${subject}.ack`, "+ACK");
    for (let n = 0; n < 200; n++) {
      writer.publish(frame(`${subject}.many`, String(n).repeat(300)), "");
    }
    await done;
    expect(received.map((message) => message.subject.split(".")[1]).slice(0, 4)).toEqual([
      "text",
      "bytes",
      "large",
      "ack",
    ]);
    expect(received[0]).toMatchObject({ reply: "back.to.me" });
    expect(received[0]?.string()).toBe('{"größe":1}');
    expect(received[0]?.headers?.get("ce-id")).toBe("größe");
    expect([...(received[1]?.data ?? [])]).toEqual([0, 255, 13, 10]);
    expect(Buffer.compare(received[2]?.data ?? new Uint8Array(), large)).toBe(0);
    expect(received[3]?.string()).toBe("+ACK");
    expect(received[3]?.headers).toBeUndefined();
    expect(received.slice(4).map((message) => message.string())).toEqual(
      Array.from({ length: 200 }, (_, n) => String(n).repeat(300)),
    );
  });

  test("a subject with a space, or a closed connection, is an error and not a broken protocol", async () => {
    const writer = new WireWriter(open());
    expect(() => writer.publish(frame("two words", ""), "")).toThrow(/subject/i);
    const closed = await connect({ servers: server.url });
    const closedWriter = new WireWriter(closed);
    await closed.close();
    expect(() => closedWriter.publish(frame("a.b", ""), "")).toThrow(/closed/i);
    expect(() => closedWriter.answer("a.b", "+ACK")).not.toThrow();
  });
});

test("subjects in any alphabet arrive whole, also where a chunk ends", async () => {
  const ascii = "NATS/1.0\r\nce-id: a\r\n\r\n";
  const count = 500;
  const received = new Set<string>();
  const { promise: done, resolve } = Promise.withResolvers<void>();
  connection.subscribe("alphabets.>", {
    callback: (_error, message) => {
      received.add(message.subject);
      if (received.size === count) {
        resolve();
      }
    },
  });
  await connection.flush();
  const writer = new WireWriter(connection);
  const subjects = Array.from({ length: count }, (_, index) => `alphabets.${"é".repeat(100)}日本-${index}`);
  for (const [index, subject] of subjects.entries()) {
    const plain = { headerBlock: ascii, headerBytes: ascii.length };
    writer.publish({ ...frame(subject, `{"n":${index}}`), ...(index % 2 === 0 && plain) }, "");
  }
  await done;
  expect([...received]).toEqual(subjects);
});
