// A failing key must not cost the others anything. With a virtual clock that can be measured to the millisecond.

import { defineEvent } from "@throughline/contracts";
import { SeededRandom, VirtualClock } from "@throughline/testing";
import { expect, test } from "vitest";
import { z } from "zod";
import { createMemoryTransport } from "../memory/memory-transport.ts";
import { run } from "../run-service.ts";
import { defineService } from "../service.ts";
import { silentLogger } from "../telemetry/logger.ts";

const Made = defineEvent("items.made", { key: (item: { key: string }) => item.key }).version(
  1,
  z.object({ key: z.string(), n: z.int() }),
);
const handlerMs = 7;
const concurrency = 4;

/** When each event of the healthy keys was done, with `failing` further keys whose handlers fail all the time. */
async function finishTimes(failing: number): Promise<Map<string, number>> {
  const clock = new VirtualClock(new SeededRandom(1));
  const transport = createMemoryTransport({ clock });
  const settings = { transport, clock, logger: silentLogger, signals: false };
  const times = new Map<string, number>();
  const policy = { retry: { attempts: 1_000, initialDelayMs: 500, maxDelayMs: 500 } };
  const reader = defineService("reader").on(Made, { order: "key", concurrency, policy }, async ({ key, n }) => {
    if (key.startsWith("failing")) {
      throw new Error("as always");
    }
    await new Promise<void>((resolve) => clock.schedule(handlerMs, resolve));
    times.set(`${key}/${n}`, clock.now());
  });
  await run(reader, settings);
  const writer = await run(defineService("writer", { publishes: [Made] }), settings);
  for (let n = 0; n < 50; n++) {
    for (let index = 0; index < failing; index++) {
      await writer.publish(Made, { key: `failing${index}`, n });
    }
    for (const key of ["a", "b", "c"]) {
      await writer.publish(Made, { key, n });
    }
  }
  const startedAt = clock.now();
  while (times.size < 150 && (await clock.step(startedAt + 60_000))) {}
  return times;
}

test("failing keys delay no event of another key by a single millisecond", async () => {
  const alone = await finishTimes(0);
  expect(alone.size).toBe(150);
  // More failing keys than slots: parked, they hold none.
  expect(await finishTimes(20)).toEqual(alone);
});
