// Liveness and readiness of a service over HTTP, for whoever starts and watches it. Alive: the process answers. Ready: it does
// its work; still starting, connected and not pulling, or on its way out, is not ready.

import type { ServiceHealth } from "@throughline/core";
import { Hono } from "hono";

const starting = { status: "starting", problems: ["the service is starting"] };

/** `health` knows nothing before the service runs. */
export function createHealthApi(health: () => ServiceHealth | undefined): Hono {
  const api = new Hono();
  api.get("/health/live", () => Response.json({ status: "alive" }));
  api.get("/health/ready", () => {
    const told = health() ?? starting;
    return Response.json(told, { status: told.status === "ready" ? 200 : 503 });
  });
  return api;
}
