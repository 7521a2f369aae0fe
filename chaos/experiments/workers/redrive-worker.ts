// Two subscriptions of the same events; one of them fails for good until it is mended.

import { defineService, PermanentError, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { defineItem, type Item } from "@throughline/testing";
import { EffectsWriter } from "../effects.ts";
import { type CommonSettings, readSettings, sayReady } from "./worker-settings.ts";

const { url, effects, isBroken } = readSettings<CommonSettings & { isBroken: boolean }>();
const writer = new EffectsWriter(effects);
const Made = defineItem("items.made");
const noteFor =
  (worker: string) =>
  (item: Item, { redelivered }: { redelivered: boolean }) => {
    writer.write({ ...item, worker, atMs: Date.now(), latencyMs: 0, redelivered });
  };
const service = defineService("chaos")
  .on(Made, { name: "failing", concurrency: 64 }, (item, context) => {
    if (isBroken) {
      throw new PermanentError("broken");
    }
    noteFor("failing")(item, context);
  })
  .on(Made, { name: "well", concurrency: 64 }, noteFor("well"));
await run(service, { transport: nats({ servers: url }), logger: silentLogger, afterStop: () => process.exit(0) });
sayReady();
