// The gateway process: HTTP outside, events inside.

import { pino } from "pino";
import { type HttpServer, startHttpServer } from "../http-server.ts";
import { launchService } from "../launch-service.ts";
import { createHttpApi } from "./http-api.ts";
import { viewTables } from "./order-view.ts";
import { forgetOldKeys, idempotencyTables } from "./place-order.ts";
import { createGateway } from "./service.ts";

const logger = pino().child({ service: "gateway" });
const { HOST: hostname = "127.0.0.1", PORT: port } = process.env;
const forgetEveryMs = 600_000;

let server: HttpServer | undefined;
const { running, database } = await launchService(createGateway, {
  tables: `${viewTables}; ${idempotencyTables}`,
  beforeStop: () => server?.close(),
});

setInterval(() => {
  void forgetOldKeys(database).catch((error: unknown) => logger.warn({ err: error }, "old keys are kept for now"));
}, forgetEveryMs).unref();

try {
  const api = createHttpApi(running, logger);
  server = await startHttpServer(api, { hostname, port: port ? Number(port) : undefined });
  logger.info({ url: server.url }, "listening");
} catch (error) {
  logger.fatal({ err: error, hostname, port }, "cannot listen");
  process.exitCode = 1;
  await running.stop();
}
