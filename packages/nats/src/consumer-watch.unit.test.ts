// A request whose answer is still on its way looks as if the server knew nothing of it.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ConsumerFinding } from "./consumer-assessment.ts";
import { ConsumerWatch, type ConsumerWatchParts } from "./consumer-watch.ts";

const nobodyAsks = {
  created: "2026-01-01T00:00:00Z",
  delivered: { consumer_seq: 1, stream_seq: 1 },
  ack_floor: { stream_seq: 0 },
  num_ack_pending: 1,
  num_pending: 9,
  num_waiting: 0,
  config: {},
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** What a watch finds within 9 s while `openRequest` is what the reader believes, asked for the nth time. */
async function findings(openRequest: (asked: number) => number): Promise<ConsumerFinding["kind"][]> {
  const kinds: ConsumerFinding["kind"][] = [];
  let asked = 0;
  const watch = new ConsumerWatch({
    api: { consumerInfo: async () => ({ ok: true, result: nobodyAsks }) },
    subscription: { stream: "S", durable: "d" },
    openRequest: () => openRequest(asked++),
    isSteady: () => true,
    onFinding: ({ kind }: ConsumerFinding) => kinds.push(kind),
  } as unknown as ConsumerWatchParts);
  await vi.advanceTimersByTimeAsync(9_000);
  watch.stop();
  return kinds;
}

test("a request that nobody knows of is found out within 10 s", async () => {
  expect(await findings(() => 1)).toContain("stalled");
});

test("a request that is answered between two looks is none of those", async () => {
  // Three times a round: before it asks, when it has the answer, and when it judges.
  expect(await findings((asked) => Math.floor(asked / 3))).toEqual([]);
});
