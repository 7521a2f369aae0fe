// Any language can join: plain NATS clients in Go and Python, with CloudEvents' own SDKs, place orders as version 1 and read
// what comes out, in one trace with all services.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NatsServer, startNatsServer } from "@throughline/servers";
import { type OtlpSink, startOtlpSink } from "@throughline/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type OrderSystem, startOrderSystem } from "../start/order-system.ts";
import { prepareClients } from "./prepare-clients.ts";

describe("an order from another language", () => {
  let server: NatsServer;
  let sink: OtlpSink;
  let system: OrderSystem;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "throughline-clients-"));
    server = await startNatsServer();
    sink = await startOtlpSink();
    const { env } = sink;
    const serviceEnv = { gateway: env, orders: env, payments: env, inventory: env, notifications: env };
    system = await startOrderSystem({ folder, env: { NATS_URL: server.url }, serviceEnv });
  });
  afterAll(async () => {
    await system[Symbol.asyncDispose]();
    await sink[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  for (const { name, command, missing } of prepareClients()) {
    const title = missing === undefined ? name : `${name} (skipped: ${missing})`;
    test.skipIf(command === undefined)(`${title}: is confirmed and announced, in the caller's trace`, async () => {
      const traceId = name.startsWith("Go") ? "0af7651916cd43dd8448eb211c80319c" : "1bf7651916cd43dd8448eb211c80319d";
      const orderId = `${name.split(",")[0]} order`.toLowerCase().replace(" ", "-");
      const events = await placeOrder(command ?? [], orderId, {
        NATS_URL: server.url,
        TRACEPARENT: `00-${traceId}-b7ad6b7169203331-01`,
      });
      const [placed] = await system.events.messages("ORDERS", `orders.placed.${orderId}`);
      const correlation = new Set(events.map(({ correlationid }) => correlationid));
      expect(placed).toBeDefined();
      expect(correlation.size).toBe(1);
      expect(events).toMatchObject([
        { specversion: "1.0", type: "orders.confirmed", source: "/orders", subject: orderId, data: { orderId } },
        {
          specversion: "1.0",
          type: "notifications.sent",
          source: "/notifications",
          data: { template: "order-confirmed" },
        },
      ]);
      expect(events.map(({ traceparent }) => traceparent?.split("-")[1])).toEqual([traceId, traceId]);
      expect(events.every(({ dataversion }) => Number(dataversion) === 1)).toBe(true);
    });
  }

  test("their spans arrive in the same trace", async () => {
    await system[Symbol.asyncDispose]();
    const traces = Map.groupBy(sink.spans, ({ traceId }) => traceId);
    const shared = [...traces].filter(([traceId]) => /^[01].f7651916cd43dd8448eb211c80319/.test(traceId));
    for (const [, spans] of shared) {
      expect(new Set(spans.map(({ service }) => service))).toEqual(
        new Set(["gateway", "orders", "payments", "inventory", "notifications"]),
      );
    }
    expect(shared).toHaveLength(prepareClients().filter(({ command }) => command !== undefined).length);
  });
});

type Attributes = Readonly<Partial<Record<string, string>>> & { readonly data?: unknown };

async function placeOrder(
  [program = "", ...args]: readonly string[],
  orderId: string,
  env: Readonly<Record<string, string>>,
): Promise<readonly Attributes[]> {
  const child = spawn(program, [...args, orderId], { env: { ...process.env, ...env } });
  let out = "";
  let err = "";
  child.stdout.on("data", (text) => {
    out += text;
  });
  child.stderr.on("data", (text) => {
    err += text;
  });
  const code = await new Promise((resolve) => child.once("exit", resolve));
  if (code !== 0) {
    throw new Error(`${program} ended with ${code}:\n${err}`);
  }
  return out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Attributes);
}
