// A payment is not a notification: the same outage, two policies, two ends.

import { defineEvent } from "@throughline/contracts";
import { SeededRandom, VirtualClock } from "@throughline/testing";
import { expect, test } from "vitest";
import { z } from "zod";
import { createMemoryTransport } from "../memory/memory-transport.ts";
import { run } from "../run-service.ts";
import { defineService } from "../service.ts";
import { silentLogger } from "../telemetry/logger.ts";
import { type Policy, policies } from "./policy.ts";

const Made = defineEvent("items.made", { key: (item: { key: string }) => item.key }).version(
  1,
  z.object({ key: z.string() }),
);
const outageMs = 120_000;

/** Twenty events arrive while what their handler needs is down for two minutes. */
async function endsUnder(policy: Policy) {
  const clock = new VirtualClock(new SeededRandom(7));
  const startedAt = clock.now();
  const transport = createMemoryTransport({ clock });
  const settings = { transport, clock, logger: silentLogger, signals: false };
  let calls = 0;
  let done = 0;
  await run(
    defineService("reader").on(Made, { policy }, () => {
      calls++;
      if (clock.now() - startedAt < outageMs) {
        throw new Error("down");
      }
      done++;
    }),
    settings,
  );
  const writer = await run(defineService("writer", { publishes: [Made] }), settings);
  for (let n = 0; n < 20; n++) {
    await writer.publish(Made, { key: `k${n}` });
  }
  while (await clock.step(startedAt + outageMs - 1)) {}
  const callsWhileDown = calls;
  while (await clock.step(startedAt + 4 * outageMs)) {}
  return { callsWhileDown, done, deadLetters: transport.stored("DEAD_LETTERS").length };
}

test("under an outage of two minutes every payment is made in the end, with hardly a call meanwhile", async () => {
  const { callsWhileDown, done, deadLetters } = await endsUnder(policies.payment);
  expect({ done, deadLetters }).toEqual({ done: 20, deadLetters: 0 });
  // What ran when the circuit opened, and one probe in each half minute.
  expect(callsWhileDown).toBeLessThanOrEqual(16 + 4);
});

test("under the same outage notifications are tried three times and let go", async () => {
  const { callsWhileDown, done, deadLetters } = await endsUnder(policies.notification);
  expect({ callsWhileDown, done, deadLetters }).toEqual({ callsWhileDown: 60, done: 0, deadLetters: 0 });
});

test("under the same outage the standard policy spends its attempts and keeps dead letters", async () => {
  const { done, deadLetters } = await endsUnder(policies.standard);
  expect(done + deadLetters).toBe(20);
  expect(deadLetters).toBeGreaterThan(0);
});
