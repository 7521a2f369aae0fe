import { describe, expect, test } from "vitest";
import { assessConsumer, type ConsumerFacts } from "./consumer-assessment.ts";

const facts: ConsumerFacts = {
  created: "2026-01-01T00:00:00Z",
  delivered: { consumer_seq: 10, stream_seq: 10 },
  ack_floor: { stream_seq: 10 },
  num_ack_pending: 0,
  num_pending: 0,
  num_waiting: 1,
  config: { max_ack_pending: 100 },
};
const answer = (changed: Partial<ConsumerFacts> = {}) => ({ ok: true as const, result: { ...facts, ...changed } });
const error = (err_code: number) => ({ ok: false as const, error: { code: 404, err_code, description: "" } });

describe("a durable consumer", () => {
  test("is well while it waits, and while events are on their way to us", () => {
    expect(assessConsumer(answer(), facts, true).kind).toBe("well");
    expect(assessConsumer(answer({ num_pending: 5, num_waiting: 0 }), facts, false).kind).toBe("well");
    expect(assessConsumer(answer({ delivered: { consumer_seq: 12, stream_seq: 12 } }), facts, true).kind).toBe("well");
  });

  test("is gone with its stream or without it; another error says nothing", () => {
    expect(assessConsumer(error(10014), facts, true)).toMatchObject({ kind: "gone", problem: "it is gone" });
    expect(assessConsumer(error(10059), facts, true)).toMatchObject({ kind: "gone", problem: "the stream is gone" });
    expect(assessConsumer(error(10008), facts, true).kind).toBe("well");
  });

  test("is replayed when it was made anew, or when its numbers went back", () => {
    expect(assessConsumer(answer({ created: "2026-01-02T00:00:00Z" }), facts, true).kind).toBe("replay");
    expect(assessConsumer(answer({ delivered: { consumer_seq: 2, stream_seq: 2 } }), facts, true).kind).toBe("replay");
    expect(assessConsumer(answer({ delivered: { consumer_seq: 2, stream_seq: 2 } }), undefined, true).kind).toBe(
      "well",
    );
  });

  test("is stalled when events wait, no request does, and we believe that ours should", () => {
    expect(assessConsumer(answer({ num_pending: 5, num_waiting: 0 }), facts, true)).toEqual({
      kind: "stalled",
      problem: "5 events wait and no request does",
    });
  });

  test("is paused, or full, with the reason", () => {
    const paused = answer({ paused: true, config: { pause_until: "2026-01-03T00:00:00Z" } });
    expect(assessConsumer(paused, facts, true)).toMatchObject({ kind: "paused" });
    expect(assessConsumer(paused, facts, true)).toHaveProperty("problem", expect.stringContaining("2026-01-03"));
    expect(assessConsumer(answer({ num_ack_pending: 100, num_pending: 3 }), facts, true).kind).toBe("full");
    expect(assessConsumer(answer({ num_ack_pending: 100 }), facts, true).kind).toBe("well");
  });
});
