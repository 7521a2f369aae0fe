// The card processor outside: a process of its own with its own record, which no service of ours can look into.

import { setTimeout as wait } from "node:timers/promises";
import { pino } from "pino";
import { startHttpServer } from "../http-server.ts";
import { Charges } from "./charges.ts";
import { createProcessorApi } from "./http-api.ts";
import { openLedger } from "./ledger.ts";

const logger = pino().child({ service: "card-processor" });
const {
  CARD_PROCESSOR_PORT: port = "8090",
  CARD_PROCESSOR_LEDGER: ledgerFile = "card-processor-ledger.jsonl",
  CARD_PROCESSOR_LATENCY_MS: latencyMs = "20",
  HOST: hostname = "127.0.0.1",
} = process.env;

const closeTimeoutMs = 2_000;

try {
  using ledger = openLedger(ledgerFile);
  const api = createProcessorApi({ charges: new Charges(ledger), ledger, latencyMs: Number(latencyMs) });
  const server = await startHttpServer(api, { hostname, port: Number(port) });
  logger.info({ url: server.url }, "listening");
  await new Promise((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
    process.once("disconnect", resolve);
  });
  // A request that hangs on purpose does not keep the process.
  await Promise.race([server.close(), wait(closeTimeoutMs, undefined, { ref: false })]);
  process.exit();
} catch (error) {
  logger.fatal({ err: error, port }, "cannot run");
  process.exit(1);
}
