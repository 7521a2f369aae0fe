// The gateway's HTTP API: orders placed once however often they are sent, shown as they stand, errors that name the field,
// and a document that tells the truth.

import { Validator } from "@seriousme/openapi-schema-validator";
import { silentLogger } from "@throughline/core";
import { type NatsServer, startNatsServer } from "@throughline/servers";
import { eventually } from "@throughline/testing";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createHttpApi } from "../gateway/http-api.ts";
import { openApiDocument } from "../gateway/openapi.ts";
import { type OrderSystem, placeOrder } from "../start/order-system.ts";
import { ask, order, startSystem, typesOf } from "./running-system.ts";

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

  /** Every answer in this file has to be one that the document allows. */
  const get = (path: string) => askAsDocumented(system.gatewayUrl, "GET", path);
  const post = (body: string, headers: Readonly<Record<string, string>> = {}) =>
    askAsDocumented(system.gatewayUrl, "POST", "/orders", { body, headers });

  test("names each wrong field in problem details", async () => {
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

  test.each([
    ["no JSON", 400, () => post("{")],
    ["another media type", 415, () => post("a=b", { "content-type": "application/x-www-form-urlencoded" })],
    ["a huge body", 413, () => post(JSON.stringify({ text: "x".repeat(100_000) }))],
    ["an unknown path", 404, () => get("/nothing")],
    ["another method", 405, () => get("/orders")],
  ])("answers %s with a problem", async (_name, status, request) => {
    const response = await request();
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) });
  });

  test("tells that it is alive and ready", async () => {
    expect((await get("/health/live")).status).toBe(200);
    expect(await (await get("/health/ready")).json()).toMatchObject({ status: "ready", problems: [] });
  });

  test("shows how an order stands, from the moment it is taken", async () => {
    const placed = await placeOrder(system.gatewayUrl, order);
    const path = `/orders/${placed.orderId}`;
    expect(await (await get(path)).json()).toMatchObject({
      orderId: placed.orderId,
      customerId: "customer-1",
      totalCents: 2 * 1_290 + 350,
      currency: "EUR",
      correlationId: placed.correlationId,
    });
    const ended = await eventually(async () => {
      const view = (await (await get(path)).json()) as { status: string };
      return view.status !== "placed" && view;
    });
    expect(ended).toMatchObject({ status: "confirmed", paymentId: expect.any(String), endedAt: expect.any(String) });

    const declined = await placeOrder(system.gatewayUrl, { ...order, paymentMethod: "card-declined" });
    await typesOf(system, declined);
    await eventually(async () => {
      expect(await (await get(`/orders/${declined.orderId}`)).json()).toMatchObject({
        status: "cancelled",
        cancellation: { reason: "payment-declined", explanation: "the bank declined the card" },
      });
      return true;
    });
    expect((await get("/orders/order-unknown")).status).toBe(404);
  });

  test("places an order once, however often and however much at once it is sent under one key", async () => {
    const customerId = "customer-repeating";
    const body = JSON.stringify({ ...order, customerId });
    const headers = { "idempotency-key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"' };
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(body, headers)));
    const later = await post(body, { "idempotency-key": "8e03978e-40d5-43dd-bc93-6894a57f9324" });
    expect([...answers, later].map(({ status }) => status)).toEqual(Array(11).fill(202));
    expect(answers.filter((answer) => answer.headers.get("idempotency-replayed") === null)).toHaveLength(1);
    expect(later.headers.get("idempotency-replayed")).toBe("true");
    const accepted = await Promise.all(
      [...answers, later].map(async (answer) => (await answer.json()) as { orderId: string }),
    );
    expect(new Set(accepted.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(later.headers.get("location")).toBe(`/orders/${accepted[0]?.orderId}`);
    const rows = await ask(
      system,
      "gateway",
      `select 1 from gateway.orders where placed->>'customerId' = '${customerId}'`,
    );
    expect(rows).toHaveLength(1);

    const other = await post(JSON.stringify({ ...order, customerId, paymentMethod: "card-other" }), headers);
    expect([other.status, await other.json()]).toMatchObject([
      422,
      { detail: expect.stringContaining("another order") },
    ]);
    // A key belongs to its customer.
    expect((await post(JSON.stringify(order), headers)).headers.get("idempotency-replayed")).toBeNull();
    expect((await post(body, { "idempotency-key": "x".repeat(256) })).status).toBe(400);
  });

  test("takes orders while the broker is away", async () => {
    await server.stop();
    const placed = await placeOrder(system.gatewayUrl, order);
    await server.start();
    await typesOf(system, placed, 40_000);
  });

  test("says what is in stock", async () => {
    expect(await (await get("/stock/espresso-machine")).json()).toEqual({
      sku: "espresso-machine",
      available: 100_000,
    });
    expect((await get("/stock/unicorn")).status).toBe(404);
  });
});

test("the document is valid OpenAPI 3.1 and names every route", async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(openApiDocument));
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
  const api = createHttpApi(undefined as never, silentLogger);
  const routes = api.routes
    .filter(({ method, path }) => method !== "ALL" && path !== "/*")
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
  const documented = Object.entries(openApiDocument.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(new Set(routes)).toEqual(new Set(documented));
});

type Content = Readonly<Record<string, { readonly schema: object }>>;
type Operation = { readonly responses: Readonly<Record<number, { readonly content: Content }>> };

/** Asks, and checks the answer against what the document says of it; what it does not name is a problem. */
async function askAsDocumented(
  baseUrl: string,
  method: string,
  path: string,
  { body, headers = {} }: { readonly body?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Response> {
  const response = await fetch(`${baseUrl}${path}`, {
    method,
    headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
    ...(body !== undefined && { body }),
  });
  const [, methods] = Object.entries(openApiDocument.paths).find(([template]) =>
    new RegExp(`^${template.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path),
  ) ?? ["", {}];
  const operation = (methods as Readonly<Record<string, Operation>>)[method.toLowerCase()];
  const type = response.headers.get("content-type")?.split(";", 1)[0] ?? "";
  const problem = { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } };
  const content: Content = operation === undefined ? problem : (operation.responses[response.status]?.content ?? {});
  expect(Object.keys(content), `${method} ${path} answered ${response.status}`).toContain(type);
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  const schema = { ...content[type]?.schema, components: openApiDocument.components };
  const isValid = ajv.validate(schema, await response.clone().json());
  expect(isValid, `${method} ${path} answered ${await response.clone().text()}: ${ajv.errorsText()}`).toBe(true);
  return response;
}
