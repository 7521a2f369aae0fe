// The gateway process: HTTP outside, events inside.

import { serve } from "@hono/node-server";
import { defineService, type RunningService } from "@throughline/core";
import { pino } from "pino";
import { OrderPlaced } from "../contracts/index.ts";
import { launchService } from "../launch-service.ts";
import { createHttpApi } from "./http-api.ts";

const logger = pino().child({ service: "gateway" });
const hostname = process.env["HOST"] ?? "127.0.0.1";
const port = Number(process.env["PORT"] ?? 8080);

const gateway = defineService("gateway", { publishes: [OrderPlaced] });
let closeServer = (): Promise<void> => Promise.resolve();
const running: RunningService<typeof OrderPlaced> = await launchService(gateway, { beforeStop: () => closeServer() });

const server = serve({ fetch: createHttpApi(() => running, logger).fetch, hostname, port }, (address) => {
  logger.info({ url: `http://${hostname}:${address.port}` }, "listening");
});
server.on("error", (error) => {
  logger.fatal({ err: error, hostname, port }, "cannot listen");
  process.exitCode = 1;
  void running.stop();
});
closeServer = () =>
  new Promise((resolve) => {
    server.close(() => resolve());
    if ("closeIdleConnections" in server) {
      server.closeIdleConnections();
    }
  });
