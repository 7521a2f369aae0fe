// One instance of a partitioned subscription; one event in a hundred fails twice before it succeeds, and one kills whoever
// handles it.

import { defineService, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { defineItem } from "@throughline/testing";
import { EffectsWriter } from "../effects.ts";
import { type CommonSettings, readSettings, sayReady } from "./worker-settings.ts";

const { name, url, effects, partitions, killer } = readSettings<
  CommonSettings & { partitions: number; killer: number }
>();
const writer = new EffectsWriter(effects);
const policy = { retry: { attempts: 50, initialDelayMs: 20, maxDelayMs: 50 } };
const service = defineService("chaos").on(
  defineItem("items.made"),
  { partitions, concurrency: 64, policy },
  ({ key, n }, { attempt, redelivered, event }) => {
    if (n === killer) {
      process.kill(process.pid, "SIGKILL");
    }
    if (n % 100 === 7 && attempt < 3) {
      throw new Error("not yet");
    }
    const atMs = Date.now();
    writer.write({ key, n, worker: name, atMs, latencyMs: atMs - Date.parse(event.time), redelivered });
  },
);
await run(service, { transport: nats({ servers: url }), logger: silentLogger, afterStop: () => process.exit(0) });
sayReady();
