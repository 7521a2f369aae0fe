// A whole service: contract, validation, provisioning, tracing, lanes; the first message printed.

import { defineService, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { startTelemetry } from "@throughline/telemetry";
import { OrderPlaced } from "../order-contract.ts";

const telemetry = await startTelemetry({ service: "boot" });
const service = defineService("boot").on(OrderPlaced, { name: "boot" }, async ({ orderId }) => {
  process.stdout.write(`handled ${orderId}\n`);
  setImmediate(async () => {
    await running.stop();
    await telemetry.shutdown();
  });
});
const running = await run(service, { transport: nats(), logger: silentLogger });
