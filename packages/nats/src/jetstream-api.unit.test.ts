// Who answers for a consumer: its leader, or a member that knows nothing of it yet.

import type { NatsConnection } from "@nats-io/nats-core";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { JetStreamApi } from "./jetstream-api.ts";

const ignorant = { delivered: { consumer_seq: 0 } };
const leader = { delivered: { consumer_seq: 7 }, cluster: { leader: "n2" } };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const inCluster = { cluster: "c" };

/** The API of a server that gives these answers, the last one again and again. */
function setUp(answers: readonly object[], info: { readonly cluster?: string }) {
  let asked = 0;
  const connection = {
    info,
    request: async () => ({ json: () => answers[Math.min(asked++, answers.length - 1)] }),
  };
  const api = new JetStreamApi(connection as unknown as NatsConnection);
  return async () => {
    const before = asked;
    const answering = api.consumerInfo<typeof leader>("S", "d");
    await vi.advanceTimersByTimeAsync(10_000);
    const answer = await answering;
    return { sequence: answer.ok && answer.result.delivered.consumer_seq, asked: asked - before };
  };
}

test("asks again until the leader answers", async () => {
  const info = setUp([ignorant, ignorant, leader], inCluster);
  expect(await info()).toEqual({ sequence: 7, asked: 3 });
});

test("takes a single server at its word", async () => {
  const info = setUp([ignorant], {});
  expect(await info()).toEqual({ sequence: 0, asked: 1 });
});

test("learns that leaders are not told here", async () => {
  const info = setUp([ignorant], inCluster);
  expect((await info()).asked).toBeGreaterThan(10);
  expect((await info()).asked).toBe(1);
});
