// The gateway process: HTTP outside, events inside.

import type { RunningService } from "@throughline/core";
import { pino } from "pino";
import type { CheckStock, OrderPlaced } from "../contracts/index.ts";
import { launchService } from "../launch-service.ts";
import { createHttpApi } from "./http-api.ts";
import { type HttpServer, startHttpServer } from "./http-server.ts";
import { createGateway } from "./service.ts";

const logger = pino().child({ service: "gateway" });
const { HOST: hostname = "127.0.0.1", PORT: port } = process.env;

let server: HttpServer | undefined;
const running: RunningService<typeof OrderPlaced, typeof CheckStock> = await launchService(createGateway(), {
  beforeStop: () => server?.close(),
});

try {
  const api = createHttpApi(() => running, logger);
  server = await startHttpServer(api, { hostname, port: port ? Number(port) : undefined });
  logger.info({ url: server.url }, "listening");
} catch (error) {
  logger.fatal({ err: error, hostname, port }, "cannot listen");
  process.exitCode = 1;
  await running.stop();
}
