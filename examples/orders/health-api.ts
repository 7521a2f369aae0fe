// Liveness and readiness of a service over HTTP, for whoever starts and watches it. Alive: the process answers. Ready: it does
// its work; connected and not pulling, or on its way out, is not ready.

import type { ServiceHealth } from "@throughline/core";
import { Hono } from "hono";

export function createHealthApi(health: () => ServiceHealth): Hono {
  const api = new Hono();
  api.get("/health/live", () => Response.json({ status: "alive" }));
  api.get("/health/ready", () => {
    const told = health();
    return Response.json(told, { status: told.status === "ready" ? 200 : 503 });
  });
  return api;
}
