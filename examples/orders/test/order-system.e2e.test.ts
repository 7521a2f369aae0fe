// The whole reference system against real servers: five processes, HTTP at one end, stored events at the other.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "@nats-io/transport-node";
import { findJourney } from "@throughline/journeys";
import { findFreePorts, findServersToTest, type NatsServer, startNatsServer } from "@throughline/servers";
import { eventually, startOtlpSink } from "@throughline/testing";
import { afterAll, beforeAll, describe, expect, test as vitestTest } from "vitest";
import { followJourney, type OrderSystem, placeOrder } from "../start/order-system.ts";
import { ask, breakProcessor, ledgerOf, order, startSystem, typesOf } from "./running-system.ts";

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

  test("a customer whose mailbox takes nothing is told nothing, and has the order all the same", async () => {
    const placed = await placeOrder(system.gatewayUrl, { ...order, customerId: "bouncing-1" });
    await eventually(
      async () => (await system.events.messages("ORDERS", `orders.confirmed.${placed.orderId}`)).length === 1,
    );
    const log = join(system.folder, "logs", "notifications.log");
    await eventually(async () => (await readFile(log, "utf8")).includes("dropped as the policy says"), {
      timeoutMs: 20_000,
    });
    expect(await system.events.messages("NOTIFICATIONS", `notifications.sent.${placed.orderId}`)).toEqual([]);
    expect(await system.events.messages("DEAD_LETTERS", `dead.notifications.>`)).toEqual([]);
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
    await using system = await startSystem(server, { serviceEnv: { orders: { ORDERS_PARTITIONS: "4" } } });
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
    await using system = await startSystem(server, {
      serviceEnv: { "card-processor": { CARD_PROCESSOR_LATENCY_MS: "1500" } },
    });
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
    await using system = await startSystem(server, {
      serviceEnv: { "card-processor": { CARD_PROCESSOR_LATENCY_MS: "300" } },
    });
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

vitestTest("a service is ready while it does its work, and tells why where it does not", async () => {
  const server = await startNatsServer();
  const [port = 0] = await findFreePorts(1);
  const system = await startSystem(server, { serviceEnv: { payments: { HEALTH_PORT: String(port) } } });
  const probe = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    const { problems = [] } = (await response.json()) as { problems?: string[] };
    return { status: response.status, problems };
  };
  const isReady = async () => (await probe("/health/ready")).status === 200;
  expect((await probe("/health/live")).status).toBe(200);
  await eventually(isReady);
  await server.stop();
  // A server that stops ends its consumers before its connections: for a moment, only those are the problem.
  await eventually(async () => {
    const { status, problems } = await probe("/health/ready");
    return status === 503 && problems.includes("disconnected from NATS; reconnecting");
  });
  expect((await probe("/health/live")).status).toBe(200);
  await server.start();
  await eventually(isReady);
  await system[Symbol.asyncDispose]();
  await expect(probe("/health/live")).rejects.toThrow();
  await server[Symbol.asyncDispose]();
});

describe("what goes wrong at the card processor", () => {
  let server: NatsServer;
  let system: OrderSystem;
  beforeAll(async () => {
    server = await startNatsServer();
    const soon = { ORDER_DEADLINE_MS: "3000" };
    system = await startSystem(server, { serviceEnv: { orders: soon, inventory: soon, payments: soon } });
  });
  afterAll(async () => {
    await system[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  const kindsOf = async (orderId: string) =>
    (await ledgerOf(system)).filter(({ key }) => key === orderId).map(({ kind }) => kind);

  vitestTest("answers that get lost cost the customer nothing: one charge for one order", async () => {
    await breakProcessor(system, { lostAnswerRate: 0.7 });
    const placed = await Promise.all(Array.from({ length: 3 }, () => placeOrder(system.gatewayUrl, order)));
    for (const one of placed) {
      await typesOf(system, one, 60_000);
      expect((await kindsOf(one.orderId)).filter((kind) => kind === "captured")).toEqual(["captured"]);
    }
  });

  vitestTest("an order that is not paid in time is cancelled; what was charged meanwhile is given back", async () => {
    await breakProcessor(system, { lostAnswerRate: 1 });
    const placed = await placeOrder(system.gatewayUrl, order);
    await eventually(async () => (await kindsOf(placed.orderId)).includes("captured"));
    await eventually(
      async () => (await system.events.messages("ORDERS", `orders.cancelled.${placed.orderId}`)).length === 1,
    );
    await breakProcessor(system, {});
    await eventually(
      async () => (await system.events.messages("PAYMENTS", `payments.refunded.${placed.orderId}`)).length === 1,
      { timeoutMs: 60_000 },
    );
    expect(await kindsOf(placed.orderId)).toEqual(["captured", "refunded", "voided"]);
    const journey = await followJourney(system, placed, 20_000);
    expect(journey.events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(["orders.cancelled", "inventory.released", "payments.refunded", "notifications.sent"]),
    );
    // The deadline is its own trace, linked to the one that placed the order.
    expect(journey.traceIds).toHaveLength(2);
  });

  vitestTest("a processor that is away charges nothing for orders that were cancelled meanwhile", async () => {
    await breakProcessor(system, { outage: "refuse" });
    const placed = await placeOrder(system.gatewayUrl, order);
    await eventually(
      async () => (await system.events.messages("INVENTORY", `inventory.released.${placed.orderId}`)).length === 1,
      { timeoutMs: 20_000 },
    );
    await breakProcessor(system, {});
    await eventually(async () => (await kindsOf(placed.orderId)).includes("voided"), { timeoutMs: 60_000 });
    expect(await kindsOf(placed.orderId)).toEqual(["voided"]);
  });

  vitestTest("a service that was away makes no work of orders that were cancelled meanwhile", async () => {
    await system.services.get("inventory")?.kill();
    const placed = await placeOrder(system.gatewayUrl, order);
    await eventually(
      async () => (await system.events.messages("ORDERS", `orders.cancelled.${placed.orderId}`)).length === 1,
    );
    await system.relaunch("inventory");
    const reservation = `select status, lines from inventory.reservations where order_id = '${placed.orderId}'`;
    const decided = await eventually(async () => (await ask(system, "inventory", reservation))[0]);
    expect(decided).toEqual({ status: "released", lines: [] });
    await eventually(async () => (await findJourney(system.events, placed.orderId))?.journey.isAtRest);
    expect(await system.events.messages("INVENTORY", `inventory.*.${placed.orderId}`)).toEqual([]);
    expect(await kindsOf(placed.orderId)).toEqual(["voided"]);
  });
});

/** Whether a delivery to payments is under way. */
async function hasPendingAck(server: NatsServer): Promise<boolean> {
  const connection = await connect({ servers: server.url });
  const info = await connection.request("$JS.API.CONSUMER.INFO.INVENTORY.payments-capture");
  await connection.close();
  return (info.json<{ num_ack_pending?: number }>().num_ack_pending ?? 0) > 0;
}

vitestTest("one trace over all five services arrives at an OTLP receiver", async () => {
  await using sink = await startOtlpSink();
  await using server = await startNatsServer();
  const env = { ...sink.env, OTEL_METRIC_EXPORT_INTERVAL: "500" };
  const each = { gateway: env, orders: env, payments: env, inventory: env, notifications: env };
  const system = await startSystem(server, { serviceEnv: each });
  const placed = await placeOrder(system.gatewayUrl, order);
  await typesOf(system, placed);
  // What is only looked at from time to time is gone once the service stops.
  const isTold = (wanted: string) => sink.metrics.some(({ name }) => name === wanted);
  await eventually(() => isTold("throughline.outbox.waiting") && isTold("throughline.subscription.pending_acks"));
  await system[Symbol.asyncDispose]();

  const spans = sink.spans.filter(({ traceId }) => traceId === placed.traceId);
  expect(new Set(spans.map(({ service }) => service))).toEqual(
    new Set(["gateway", "orders", "payments", "inventory", "notifications"]),
  );
  expect(spans.map(({ kind, name }) => `${kind} ${name}`).toSorted()).toEqual([
    "CLIENT POST /charges",
    "CONSUMER process inventory.reserved",
    "CONSUMER process orders.confirmed",
    "CONSUMER process orders.confirmed",
    "CONSUMER process orders.placed",
    "CONSUMER process orders.placed",
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

  const handled = sink.metrics.filter(({ name }) => name === "messaging.process.duration");
  expect(new Set(handled.map(({ service }) => service))).toEqual(
    new Set(["gateway", "orders", "payments", "inventory", "notifications"]),
  );
  expect(handled).toContainEqual(
    expect.objectContaining({
      ...{ service: "payments", unit: "s", kind: "histogram", value: 1 },
      bounds: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
      attributes: {
        "messaging.system": "nats",
        "messaging.operation.name": "process",
        "messaging.consumer.group.name": "payments-capture",
        "messaging.destination.template": "inventory.reserved",
      },
    }),
  );
  const names = new Set(sink.metrics.map(({ name }) => name));
  for (const name of [
    "messaging.client.operation.duration",
    "messaging.client.sent.messages",
    "throughline.outbox.waiting",
    "throughline.outbox.age",
    "throughline.subscription.lag",
    "throughline.subscription.pending_acks",
  ]) {
    expect(names).toContain(name);
  }
  expect(new Set(sink.logs.filter(({ body }) => body === "ready").map(({ service }) => service)).size).toBe(5);
});
