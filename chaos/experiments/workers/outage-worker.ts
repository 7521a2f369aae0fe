// Asks a dependency over HTTP for each event, behind a circuit breaker.

import { defineService, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { defineItem } from "@throughline/testing";
import { EffectsWriter } from "../effects.ts";
import { type CommonSettings, readSettings, sayReady } from "./worker-settings.ts";

interface Settings extends CommonSettings {
  readonly dependency: string;
  readonly halfOpenAfterMs: number;
}

const { name, url, effects, dependency, halfOpenAfterMs } = readSettings<Settings>();
const writer = new EffectsWriter(effects);
const policy = {
  timeoutMs: 5_000,
  retry: { attempts: 12, initialDelayMs: 500, maxDelayMs: 120_000 },
  breaker: { halfOpenAfterMs },
};
const service = defineService("chaos").on(
  defineItem("items.made"),
  { policy, concurrency: 16 },
  async ({ key, n }, { redelivered, signal, event }) => {
    const response = await fetch(`${dependency}/${n}`, { signal });
    if (!response.ok) {
      throw new Error(`the dependency answers ${response.status}`);
    }
    const atMs = Date.now();
    writer.write({ key, n, worker: name, atMs, latencyMs: atMs - Date.parse(event.time), redelivered });
  },
);
await run(service, { transport: nats({ servers: url }), logger: silentLogger, afterStop: () => process.exit(0) });
sayReady();
