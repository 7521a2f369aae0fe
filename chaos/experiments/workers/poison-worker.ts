// Some events are poison: their handler throws, never ends, or kills its process. All others are handled at once.

import { defineService, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { defineItem } from "@throughline/testing";
import { EffectsWriter } from "../effects.ts";
import { poisonOf } from "../poison.ts";
import { type CommonSettings, readSettings, sayReady } from "./worker-settings.ts";

const { name, url, effects, isPoisoned } = readSettings<CommonSettings & { isPoisoned: boolean }>();
const writer = new EffectsWriter(effects);
const policy = { timeoutMs: 500, retry: { attempts: 3, initialDelayMs: 50, maxDelayMs: 200 } };
const service = defineService("chaos").on(
  defineItem("items.made"),
  { policy, concurrency: 16 },
  async ({ key, n }, { redelivered, event }) => {
    const poison = isPoisoned ? poisonOf(n) : undefined;
    if (poison === "throws") {
      throw new TypeError("poison");
    } else if (poison === "hangs") {
      await new Promise(() => undefined);
    } else if (poison === "crashes") {
      process.kill(process.pid, "SIGKILL");
    }
    const atMs = Date.now();
    writer.write({ key, n, worker: name, atMs, latencyMs: atMs - Date.parse(event.time), redelivered });
  },
);
await run(service, { transport: nats({ servers: url }), logger: silentLogger, afterStop: () => process.exit(0) });
sayReady();
