// The gateway's HTTP API as an OpenAPI 3.1 document, out of the schemas that the handlers check with.
// @see https://spec.openapis.org/oas/v3.1.1.html

import { z } from "zod";
import { OrderRequest } from "./order-request.ts";
import { OrderView } from "./order-view.ts";
import { AcceptedOrder } from "./place-order.ts";
import { Problem } from "./problem.ts";

export const StockView = z.object({ sku: z.string(), available: z.int().min(0) });

const json = (schema: z.ZodType, io: "input" | "output" = "output") => ({
  "application/json": { schema: withoutDialect(z.toJSONSchema(schema, { io })) },
});
const answer = (description: string, schema: z.ZodType, headers = {}) => ({
  description,
  headers,
  content: json(schema),
});
const refusal = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
});
const textHeader = (description: string) => ({ description, schema: { type: "string" } });
const pathParameter = (name: string) => ({ name, in: "path", required: true, schema: { type: "string" } });

const serverError = refusal("The service failed.");
const unavailable = refusal("Try again after the seconds in Retry-After.");

export const openApiDocument = {
  openapi: "3.1.1",
  info: {
    title: "Orders",
    version: "1.0.0",
    description: "Takes orders, shows how they stand, and says what is in stock.",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
  },
  servers: [{ url: "/" }],
  paths: {
    "/orders": {
      post: {
        operationId: "placeOrder",
        summary: "Place an order",
        description: "The order is accepted once it is stored; how it ends is decided later.",
        parameters: [
          {
            name: "Idempotency-Key",
            in: "header",
            required: false,
            description:
              "Repeats a request safely: the same key and body get the first answer, and place no second order. 1 to 255 printable characters, kept for 24 hours for each customer.",
            schema: { type: "string", minLength: 1, maxLength: 255 },
          },
        ],
        requestBody: { required: true, content: json(OrderRequest, "input") },
        responses: {
          202: answer("The order is stored.", AcceptedOrder, {
            Location: textHeader("Where to see how it stands."),
            "Idempotency-Replayed": textHeader("`true` where an earlier request with the key had placed it."),
          }),
          400: refusal("The body is not JSON, or the idempotency key is not valid."),
          413: refusal("The body is too large."),
          415: refusal("The body is not application/json."),
          422: refusal("Fields are not valid, or the idempotency key was used for another order."),
          500: serverError,
          503: unavailable,
        },
      },
    },
    "/orders/{orderId}": {
      get: {
        operationId: "showOrder",
        summary: "How an order stands",
        parameters: [pathParameter("orderId")],
        responses: {
          200: answer("The order.", OrderView),
          404: refusal("There is no such order."),
          500: serverError,
          503: unavailable,
        },
      },
    },
    "/stock/{sku}": {
      get: {
        operationId: "checkStock",
        summary: "How much of an item could be ordered now",
        parameters: [pathParameter("sku")],
        responses: {
          200: answer("The stock.", StockView),
          404: refusal("The item is not for sale."),
          500: serverError,
          503: unavailable,
        },
      },
    },
    "/health/live": {
      get: {
        operationId: "isAlive",
        summary: "Whether the process answers",
        responses: { 200: answer("It does.", z.object({ status: z.literal("alive") })) },
      },
    },
    "/health/ready": {
      get: {
        operationId: "isReady",
        summary: "Whether the gateway can do its work",
        responses: {
          200: answer("It can.", z.looseObject({ status: z.literal("ready") })),
          503: answer("It cannot.", z.looseObject({ status: z.string(), problems: z.array(z.string()) })),
        },
      },
    },
    "/openapi.json": {
      get: {
        operationId: "describeApi",
        summary: "This document",
        responses: { 200: answer("OpenAPI 3.1.", z.looseObject({ openapi: z.string() })) },
      },
    },
  },
  components: { schemas: { Problem: withoutDialect(z.toJSONSchema(Problem)) } },
} as const;

/** The document says which dialect it is for all of its schemas. */
function withoutDialect({ $schema: _dialect, ...schema }: Record<string, unknown>): Record<string, unknown> {
  return schema;
}
