// The HTTP side of the gateway: takes orders, says what is in stock, answers health checks.

import { httpInstrumentationMiddleware } from "@hono/otel";
import { isFailureOf, parseTraceparent, ThroughlineError } from "@throughline/contracts";
import type { Logger, RunningService } from "@throughline/core";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { CheckStock, OrderPlaced } from "../contracts/index.ts";
import { readOrder } from "./place-order.ts";
import { problem } from "./problem.ts";

const maxBodyBytes = 65_536;
/** A customer waits no longer than this for an order to be stored. */
const publishTimeoutMs = 10_000;

export type Gateway = RunningService<typeof OrderPlaced, typeof CheckStock>;

export function createHttpApi(gateway: () => Gateway, logger: Logger): Hono {
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
      const { order } = reading;
      const event = await withinTime(gateway().publish(OrderPlaced, order));
      const accepted = {
        orderId: order.orderId,
        correlationId: event.correlationId,
        traceId: parseTraceparent(event.traceparent)?.traceId,
      };
      return Response.json(accepted, { status: 202 });
    },
  );
  api.all("/orders", () => problem(405, { detail: "Orders are placed with POST.", headers: { allow: "POST" } }));

  api.get("/stock/:sku", async ({ req }) => {
    const sku = req.param("sku");
    try {
      return Response.json(await gateway().call(CheckStock, { sku }, { signal: req.raw.signal }));
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

  api.get("/health/live", () => Response.json({ status: "alive" }));
  api.get("/health/ready", () => {
    const health = gateway().health();
    return Response.json(health, { status: health.status === "ready" ? 200 : 503 });
  });

  api.notFound(({ req }) => problem(404, { detail: `${req.path} does not exist.` }));
  api.onError((error) => {
    logger.error({ err: error }, "request failed");
    if (error instanceof ThroughlineError && error.retryable) {
      return problem(503, {
        detail: "The order could not be stored in time; it may still be. Look again later.",
        headers: { "retry-after": "5" },
      });
    }
    return problem(500, { detail: "The order could not be placed. It was not stored." });
  });
  return api;
}

function withinTime<Result>(publication: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new ThroughlineError("NATS_PUBLISH_UNCONFIRMED", `Not stored within ${publishTimeoutMs} ms.`));
    }, publishTimeoutMs);
    publication.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
