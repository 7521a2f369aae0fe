// A service: contract, validation, a sampled span each, lanes, acks.

import { defineService, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { startTracing } from "../bench-system.ts";
import { OrderPlaced } from "../order-contract.ts";
import { reportRun } from "./sampled-run.ts";

startTracing();
await reportRun(async (name, count, arrived) => {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  let received = 0;
  const service = defineService("bench").on(OrderPlaced, { name, concurrency: 256 }, () => {
    arrived();
    if (++received === count) {
      resolve();
    }
  });
  const running = await run(service, { transport: nats(), logger: silentLogger, signals: false });
  await done;
  await running.stop();
});
// The span processor's timer would keep this process.
process.exit(0);
