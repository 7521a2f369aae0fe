// The whole reference system against real servers: five processes, HTTP at one end, stored events at the other.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@nats-io/transport-node";
import { findServersToTest, type NatsServer, startNatsServer } from "@throughline/servers";
import { eventually, startOtlpSink } from "@throughline/testing";
import { afterAll, beforeAll, describe, expect, test as vitestTest } from "vitest";
import {
  followJourney,
  isComplete,
  type OrderSystem,
  type PlacedOrder,
  placeOrder,
  startOrderSystem,
} from "../start/order-system.ts";
import type { ServiceName } from "../start/service-process.ts";

const order = {
  customerId: "customer-1",
  items: [
    { sku: "coffee-beans", quantity: 2 },
    { sku: "filter-paper", quantity: 1 },
  ],
  paymentMethod: "card-visa",
};

async function startSystem(
  server: NatsServer,
  serviceEnv: Partial<Record<ServiceName, Record<string, string>>> = {},
): Promise<OrderSystem> {
  const folder = await mkdtemp(join(tmpdir(), "throughline-system-"));
  const system = await startOrderSystem({ folder, env: { NATS_URL: server.url }, serviceEnv });
  const stop = system[Symbol.asyncDispose];
  return {
    ...system,
    [Symbol.asyncDispose]: async () => {
      await stop();
      await rm(folder, { recursive: true });
    },
  };
}

async function typesOf(system: OrderSystem, placed: PlacedOrder, timeoutMs = 20_000): Promise<string[]> {
  const journey = await followJourney(system, placed, timeoutMs);
  expect(isComplete(journey)).toBe(true);
  return journey.events.map(({ type }) => type);
}

describe.each(await findServersToTest())("on $name", ({ name, server: found }) => {
  const test = vitestTest.skipIf(found === undefined);
  let server: NatsServer;
  let system: OrderSystem;

  beforeAll(async () => {
    server = await startNatsServer(found && { server: found });
    system = await startSystem(server);
  });
  afterAll(async () => {
    await system[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  test("an order is reserved, paid, confirmed and announced, in one trace", async () => {
    const placed = await placeOrder(system.gatewayUrl, order);
    const journey = await followJourney(system, placed, 20_000);
    expect(journey.events.map(({ type, service }) => [type, service])).toEqual([
      ["orders.placed", "gateway"],
      ["inventory.reserved", "inventory"],
      ["payments.captured", "payments"],
      ["orders.confirmed", "orders"],
      ["notifications.sent", "notifications"],
    ]);
    for (const [index, event] of journey.events.entries()) {
      expect(event.causationId).toBe(journey.events[index - 1]?.id);
      expect(event.correlationId).toBe(placed.correlationId);
    }
    expect(journey.traceIds).toEqual([placed.traceId]);
  });

  test("a declined card cancels the order and releases what was reserved", async () => {
    const placed = await placeOrder(system.gatewayUrl, { ...order, paymentMethod: "card-declined" });
    expect((await typesOf(system, placed)).toSorted()).toEqual([
      "inventory.released",
      "inventory.reserved",
      "notifications.sent",
      "orders.cancelled",
      "orders.placed",
      "payments.declined",
    ]);
  });

  test("missing stock cancels the order before anything is charged", async () => {
    const placed = await placeOrder(system.gatewayUrl, { ...order, items: [{ sku: "hand-grinder", quantity: 1 }] });
    expect(await typesOf(system, placed)).toEqual([
      "orders.placed",
      "inventory.out-of-stock",
      "orders.cancelled",
      "notifications.sent",
    ]);
  });

  test("garbage from a plain client is kept as dead letters while orders go on", async () => {
    const outside = await connect({ servers: server.url });
    outside.publish("orders.placed.garbage", new Uint8Array([0xff, 0x00]));
    outside.publish("orders.placed.wrong", JSON.stringify({ orderId: "wrong", items: "none" }));
    await outside.flush();
    await outside.close();
    await eventually(async () => {
      const letters = await Promise.all(
        ["garbage", "wrong"].map((key) =>
          system.events.messages("DEAD_LETTERS", `dead.inventory.reserve.orders.placed.${key}`),
        ),
      );
      return letters.every((list) => list.length === 1);
    });
    expect(await typesOf(system, await placeOrder(system.gatewayUrl, order))).toHaveLength(5);
  });

  test("an order from a plain client, as version 1 and without any header, goes all the way", async () => {
    const outside = await connect({ servers: server.url });
    const orderId = `outside-${process.pid}-${name.length}`;
    const body = { ...order, orderId, items: [{ sku: "coffee-beans", quantity: 1, unitPriceCents: 1_290 }] };
    outside.publish(`orders.placed.${orderId}`, JSON.stringify(body));
    await outside.flush();
    await outside.close();
    await eventually(
      async () => (await system.events.messages("NOTIFICATIONS", `notifications.sent.${orderId}`)).length,
    );
  });
});

describe("with parts that need a modern server", () => {
  vitestTest("confirms orders through partitions, and says what is in stock until nobody knows", async () => {
    await using server = await startNatsServer();
    await using system = await startSystem(server, { orders: { ORDERS_PARTITIONS: "4" } });
    const placed = await placeOrder(system.gatewayUrl, order);
    expect(await typesOf(system, placed)).toHaveLength(5);

    const stock = (sku: string) => fetch(`${system.gatewayUrl}/stock/${sku}`);
    expect(await (await stock("coffee-beans")).json()).toEqual({ sku: "coffee-beans", available: 999_998 });
    const unknown = await stock("unicorn");
    expect([unknown.status, await unknown.json()]).toMatchObject([404, { detail: '"unicorn" is not for sale.' }]);
    await system.services.get("inventory")?.kill();
    expect((await stock("coffee-beans")).status).toBe(503);
    const later = await placeOrder(system.gatewayUrl, order);
    await system.relaunch("inventory");
    expect(await typesOf(system, later)).toHaveLength(5);
  });
});

describe("when things break", () => {
  let server: NatsServer;
  beforeAll(async () => {
    server = await startNatsServer();
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  vitestTest("a service killed in the middle of a payment: the order completes once it is back", async () => {
    await using system = await startSystem(server, { payments: { CARD_PROCESSOR_LATENCY_MS: "1500" } });
    const placed = await placeOrder(system.gatewayUrl, order);
    await eventually(
      async () => (await system.events.messages("INVENTORY", `inventory.reserved.${placed.orderId}`)).length,
    );
    await eventually(() => hasPendingAck(server));
    await system.services.get("payments")?.kill();
    await system.relaunch("payments");
    expect(await typesOf(system, placed, 30_000)).toHaveLength(5);
  });

  vitestTest("the broker killed and restarted under ten running orders: all complete", async () => {
    await using system = await startSystem(server, { payments: { CARD_PROCESSOR_LATENCY_MS: "300" } });
    const placing = Array.from({ length: 10 }, () => placeOrder(system.gatewayUrl, order));
    const first = await Promise.any(placing);
    await eventually(
      async () => (await system.events.messages("INVENTORY", `inventory.reserved.${first.orderId}`)).length,
    );
    await server.kill();
    await server.start();
    const placed = await Promise.all(placing);
    for (const one of placed) {
      expect(await typesOf(system, one, 40_000)).toHaveLength(5);
    }
  });
});

/** Whether a delivery to payments is under way. */
async function hasPendingAck(server: NatsServer): Promise<boolean> {
  const connection = await connect({ servers: server.url });
  const info = await connection.request("$JS.API.CONSUMER.INFO.INVENTORY.payments-capture");
  await connection.close();
  return (info.json<{ num_ack_pending?: number }>().num_ack_pending ?? 0) > 0;
}

describe("the gateway", () => {
  let server: NatsServer;
  let system: OrderSystem;
  beforeAll(async () => {
    server = await startNatsServer();
    system = await startSystem(server);
  });
  afterAll(async () => {
    await system[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const post = (body: string, contentType = "application/json") =>
    fetch(`${system.gatewayUrl}/orders`, { method: "POST", headers: { "content-type": contentType }, body });

  vitestTest("names each wrong field in problem details", async () => {
    const response = await post(
      JSON.stringify({ customerId: "", items: [{ sku: "coffee-beans", quantity: 0 }], paymentMethod: 7, extra: 1 }),
    );
    expect(response.status).toBe(422);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    const problem = (await response.json()) as { title: string; status: number; errors: { pointer: string }[] };
    expect(problem).toMatchObject({ type: "about:blank", status: 422, title: expect.any(String) });
    expect(problem.errors.map(({ pointer }) => pointer).toSorted()).toEqual([
      "",
      "/customerId",
      "/items/0/quantity",
      "/paymentMethod",
    ]);
    const unknown = await post(JSON.stringify({ ...order, items: [{ sku: "unicorn", quantity: 1 }] }));
    expect(await unknown.json()).toMatchObject({ errors: [{ pointer: "/items/0/sku" }] });
  });

  vitestTest.each([
    ["no JSON", 400, () => post("{")],
    ["another media type", 415, () => post("a=b", "application/x-www-form-urlencoded")],
    ["a huge body", 413, () => post(JSON.stringify({ text: "x".repeat(100_000) }))],
    ["an unknown path", 404, () => fetch(`${system.gatewayUrl}/nothing`)],
    ["another method", 405, () => fetch(`${system.gatewayUrl}/orders`)],
  ])("answers %s with a problem", async (_name, status, request) => {
    const response = await request();
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) });
  });

  vitestTest("tells that it is alive and ready", async () => {
    expect((await fetch(`${system.gatewayUrl}/health/live`)).status).toBe(200);
    expect(await (await fetch(`${system.gatewayUrl}/health/ready`)).json()).toMatchObject({ status: "ready" });
  });
});

vitestTest("one trace over all five services arrives at an OTLP receiver", async () => {
  await using sink = await startOtlpSink();
  await using server = await startNatsServer();
  const env = sink.env;
  const each = { gateway: env, orders: env, payments: env, inventory: env, notifications: env };
  const system = await startSystem(server, each);
  const placed = await placeOrder(system.gatewayUrl, order);
  await typesOf(system, placed);
  await system[Symbol.asyncDispose]();

  const spans = sink.spans.filter(({ traceId }) => traceId === placed.traceId);
  expect(new Set(spans.map(({ service }) => service))).toEqual(
    new Set(["gateway", "orders", "payments", "inventory", "notifications"]),
  );
  expect(spans.map(({ kind, name }) => `${kind} ${name}`).toSorted()).toEqual([
    "CONSUMER process inventory.reserved",
    "CONSUMER process orders.confirmed",
    "CONSUMER process orders.placed",
    "CONSUMER process payments.captured",
    "PRODUCER send inventory.reserved",
    "PRODUCER send notifications.sent",
    "PRODUCER send orders.confirmed",
    "PRODUCER send orders.placed",
    "PRODUCER send payments.captured",
    "SERVER POST /orders",
  ]);
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  for (const span of spans.filter(({ kind }) => kind === "CONSUMER")) {
    const parent = byId.get(span.parentSpanId ?? "");
    expect(parent).toMatchObject({ kind: "PRODUCER", name: span.name.replace("process", "send") });
    expect(span.links).toMatchObject([{ spanId: parent?.spanId }]);
    expect(span.attributes).toMatchObject({
      "messaging.system": "nats",
      "messaging.operation.type": "process",
      "messaging.destination.template": span.name.split(" ")[1],
      "messaging.message.conversation_id": placed.correlationId,
      "messaging.nats.message.delivery_count": 1,
    });
    expect(span.attributes["messaging.destination.name"]).toContain(placed.orderId);
  }
  expect(spans.filter(({ parentSpanId }) => !byId.has(parentSpanId ?? ""))).toMatchObject([{ kind: "SERVER" }]);
});
