// What a real Jaeger makes of one order: one connected trace over all services, the retries and the dead letter in it, and a
// service graph with the right edges. Runs by `npm run test:jaeger`.

import { runCommandLine } from "@throughline/cli";
import { defineService, run, silentLogger } from "@throughline/core";
import { findJourney, type Journey } from "@throughline/journeys";
import { nats } from "@throughline/nats";
import { type NatsServer, startNatsServer } from "@throughline/servers";
import { startTelemetry } from "@throughline/telemetry";
import { eventually } from "@throughline/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OrderConfirmed } from "../contracts/index.ts";
import { type OrderSystem, type PlacedOrder, placeOrder, sendTraces } from "../start/order-system.ts";
import { breakProcessor, order, startSystem, typesOf } from "./running-system.ts";

interface JaegerSpan {
  readonly spanID: string;
  readonly operationName: string;
  readonly processID: string;
  readonly references: readonly { readonly spanID: string }[];
  readonly tags: readonly { readonly key: string; readonly value: unknown }[];
  readonly logs: readonly { readonly fields: readonly { readonly key: string; readonly value: unknown }[] }[];
}
interface JaegerTrace {
  readonly spans: readonly JaegerSpan[];
  readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
}

const services = ["gateway", "inventory", "payments", "orders", "notifications", "auditor"];

let server: NatsServer;
let system: OrderSystem;
let placed: PlacedOrder;
let trace: JaegerTrace;

beforeAll(async () => {
  server = await startNatsServer();
  system = await startSystem(server, { jaeger: true });
  Object.assign(process.env, sendTraces(system.jaeger));
  const telemetry = await startTelemetry({ service: "auditor" });
  const auditor = defineService("auditor").on(
    OrderConfirmed,
    { name: "audit", policy: { retry: { attempts: 2, initialDelayMs: 10 } } },
    () => {
      throw new TypeError("the books are closed");
    },
  );
  await using _auditor = await run(auditor, {
    transport: nats({ servers: server.url }),
    logger: silentLogger,
    signals: false,
  });
  await breakProcessor(system, { outage: "refuse" });
  placed = await placeOrder(system.gatewayUrl, order);
  await eventually(async () => {
    const found = await findJourney(system.events, placed.orderId);
    return found?.journey.events.some(({ deliveries }) => deliveries.some(({ state }) => state === "failing"));
  });
  await breakProcessor(system, {});
  await typesOf(system, placed, 60_000);
  await eventually(async () => (await system.events.messages("DEAD_LETTERS", "dead.auditor.>")).length === 1);
  await telemetry.shutdown();
  trace = await eventually(
    async () => {
      const { data } = await ask<readonly JaegerTrace[]>(`/api/traces/${placed.traceId}`);
      const found = data[0];
      return found !== undefined && new Set(found.spans.map(serviceOf(found))).size === services.length && found;
    },
    { timeoutMs: 30_000, intervalMs: 250 },
  );
}, 180_000);
afterAll(async () => {
  await system?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

const serviceOf =
  ({ processes }: JaegerTrace) =>
  ({ processID }: JaegerSpan) =>
    processes[processID]?.serviceName ?? "";

async function ask<Data>(path: string): Promise<{ readonly data: Data }> {
  const response = await fetch(`${system.jaeger?.url}${path}`);
  return response.ok ? ((await response.json()) as { data: Data }) : { data: [] as Data };
}

const tagOf = ({ tags }: JaegerSpan, key: string) => tags.find((tag) => tag.key === key)?.value;
const eventsOf = ({ logs }: JaegerSpan) =>
  logs.flatMap(({ fields }) => fields.filter(({ key }) => key === "event").map(({ value }) => value));

test("one order is one connected trace over all services", () => {
  expect(new Set(trace.spans.map(serviceOf(trace)))).toEqual(new Set(services));
  const ids = new Set(trace.spans.map(({ spanID }) => spanID));
  // Of either type: a parent that is linked as well is shown as FOLLOWS_FROM.
  const roots = trace.spans.filter(({ references }) => !references.some(({ spanID }) => ids.has(spanID)));
  expect(roots.map(({ operationName }) => operationName)).toEqual(["POST /orders"]);
});

test("the failed attempts at the payment are in it, with their errors", () => {
  const attempts = trace.spans.filter(({ operationName }) => operationName === "process inventory.reserved");
  expect(attempts.length).toBeGreaterThan(1);
  const failed = attempts.filter((span) => tagOf(span, "error") === true);
  expect(failed).toHaveLength(attempts.length - 1);
  expect(failed.every((span) => eventsOf(span).includes("throughline.retry_scheduled"))).toBe(true);
});

test("so is the dead letter, and who it belongs to", () => {
  const audits = trace.spans.filter((span) => tagOf(span, "messaging.consumer.group.name") === "auditor-audit");
  expect(audits).toHaveLength(2);
  expect(audits.flatMap(eventsOf)).toContain("throughline.dead_lettered");
  expect(audits.map((span) => tagOf(span, "error.type"))).toEqual(["TypeError", "TypeError"]);
});

test("the journey shows each attempt with what went on inside it, from the spans", async () => {
  let out = "";
  const terminal = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => expect.soft(text).toBe(""),
    cwd: process.cwd(),
    color: false,
    isInteractive: false,
  };
  const url = String(system.jaeger?.url);
  const args = ["journey", placed.orderId, "--nats", server.url, "--jaeger", url, "--spans"];
  expect(await runCommandLine([...args, "--json"], terminal)).toBe(0);
  const { events } = JSON.parse(out) as Journey;
  const { attempts = [] } = events.find(({ type }) => type === "inventory.reserved") ?? {};
  expect(attempts.map(({ attempt }) => attempt)).toEqual(attempts.map((_, index) => index + 1));
  const outcomes = attempts.map(({ error, inside }) => [error === undefined, inside.map(({ name }) => name)]);
  expect(outcomes).toEqual(attempts.map((_, index) => [index === attempts.length - 1, ["POST /charges"]]));
  out = "";
  expect(await runCommandLine(args, terminal)).toBe(0);
  expect(out).toMatch(/· payments-capture, attempt 1: \d+ ms {2}failed: .*\n.*POST \/charges {2}\d+ ms {2}failed: 503/);
});

test("the service graph has the edges of the system", async () => {
  const edges = await eventually(
    async () => {
      const { data } = await ask<readonly { parent: string; child: string }[]>(
        `/api/dependencies?endTs=${Date.now()}&lookback=3600000`,
      );
      return data.length >= 6 && data.map(({ parent, child }) => `${parent} → ${child}`);
    },
    { timeoutMs: 20_000, intervalMs: 250 },
  );
  expect(edges).toEqual(
    expect.arrayContaining([
      "gateway → inventory",
      "gateway → orders",
      "inventory → payments",
      "payments → orders",
      "orders → notifications",
      "orders → auditor",
    ]),
  );
});
