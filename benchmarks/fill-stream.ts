// Publishes orders with everything on them, from a process of its own: what is measured afterwards has not published, as a
// service that only reads has not.

import { fileURLToPath } from "node:url";
import { defineService, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { measureRate, startTracing } from "./bench-system.ts";
import { createOrder, OrderPlaced } from "./order-contract.ts";
import { runScript } from "./run-script.ts";

/** Resolves when `count` orders are stored in the stream of the orders. */
export async function fillStream(url: string, count: number): Promise<void> {
  await runScript(fileURLToPath(import.meta.url), [url, String(count)]);
}

if (import.meta.main) {
  const [url = "", count = "0"] = process.argv.slice(2);
  startTracing();
  const publisher = await run(defineService("bench", { publishes: [OrderPlaced] }), {
    transport: nats({ servers: url }),
    logger: silentLogger,
    signals: false,
  });
  await measureRate(Number(count), 1_024, (number) => publisher.publish(OrderPlaced, createOrder(number)));
  await publisher.stop();
  process.exit(0);
}
