// The HTTP side of the gateway: takes orders, shows how they stand, says what is in stock, answers health checks.

import { httpInstrumentationMiddleware } from "@hono/otel";
import { isFailureOf, ThroughlineError } from "@throughline/contracts";
import type { Logger } from "@throughline/core";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { CheckStock } from "../contracts/index.ts";
import { createHealthApi } from "../health-api.ts";
import { readIdempotencyKey } from "./idempotency-key.ts";
import { openApiDocument } from "./openapi.ts";
import { readOrder } from "./order-request.ts";
import { readOrderView } from "./order-view.ts";
import { type Gateway, placeOrder } from "./place-order.ts";
import { problem } from "./problem.ts";

const maxBodyBytes = 65_536;
/** A customer waits no longer than this for an order to be stored. */
const placeTimeoutMs = 10_000;

export function createHttpApi(gateway: Gateway, logger: Logger): Hono {
  const api = new Hono();
  api.use(httpInstrumentationMiddleware());

  api.post(
    "/orders",
    bodyLimit({
      maxSize: maxBodyBytes,
      onError: () => problem(413, { detail: `A request body has at most ${maxBodyBytes} bytes.` }),
    }),
    async ({ req }) => {
      if (!/^application\/(?:[\w.+-]+\+)?json\b/i.test(req.header("content-type") ?? "")) {
        return problem(415, { detail: "Send the order as application/json." });
      }
      const key = readIdempotencyKey(req.header("idempotency-key"));
      if (key === false) {
        return problem(400, { detail: "Idempotency-Key has 1 to 255 printable characters." });
      }
      let body: unknown;
      try {
        body = await req.json();
      } catch {
        return problem(400, { detail: "The body is not JSON." });
      }
      const reading = readOrder(body);
      if ("errors" in reading) {
        return problem(422, { detail: "Some fields of the order are not valid.", errors: reading.errors });
      }
      const placing = await withinTime(placeOrder(gateway, reading.order, key));
      if ("conflict" in placing) {
        return problem(422, {
          detail: "This Idempotency-Key was used for another order. Use a new one for each order.",
        });
      }
      const { accepted, isRepeated } = placing;
      const headers = {
        location: `/orders/${encodeURIComponent(accepted.orderId)}`,
        ...(isRepeated && { "idempotency-replayed": "true" }),
      };
      return Response.json(accepted, { status: 202, headers });
    },
  );
  api.all("/orders", () => problem(405, { detail: "Orders are placed with POST.", headers: { allow: "POST" } }));

  api.get("/orders/:orderId", async ({ req }) => {
    const order = await gateway.transaction((tx) => readOrderView(tx, req.param("orderId")));
    return order === undefined ? problem(404, { detail: "There is no such order." }) : Response.json(order);
  });

  api.get("/stock/:sku", async ({ req }) => {
    const sku = req.param("sku");
    try {
      return Response.json(await gateway.call(CheckStock, { sku }, { signal: req.raw.signal }));
    } catch (error) {
      if (isFailureOf(CheckStock, error)) {
        return problem(404, { detail: `"${error.data.sku}" is not for sale.` });
      }
      if (error instanceof ThroughlineError && error.code === "CONTRACT_DATA_INVALID") {
        return problem(404, { detail: "There is no such item." });
      }
      logger.warn({ err: error, sku }, "the stock is not known");
      const headers = { "retry-after": "1" };
      return problem(503, { detail: "The stock is not known at the moment. Orders are still taken.", headers });
    }
  });

  api.get("/openapi.json", () => Response.json(openApiDocument));
  api.route(
    "/",
    createHealthApi(() => gateway.health()),
  );

  api.notFound(({ req }) => problem(404, { detail: `${req.path} does not exist.` }));
  api.onError((error, { req }) => {
    logger.error({ err: error }, "request failed");
    if (error instanceof ThroughlineError && error.retryable) {
      return problem(503, {
        detail:
          req.method === "POST"
            ? "The order could not be stored in time; it may still be. Ask again with the same Idempotency-Key."
            : "The database does not answer at the moment.",
        headers: { "retry-after": "5" },
      });
    }
    return problem(500, { detail: "The request could not be answered. Nothing was stored." });
  });
  return api;
}

function withinTime<Result>(placing: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new ThroughlineError("STORE_UNAVAILABLE", `Not stored within ${placeTimeoutMs} ms.`));
    }, placeTimeoutMs);
    placing.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
