// What the server's facts about a durable consumer mean for the service that pulls from it. One place names every way in
// which a subscription can look alive and get nothing.

import type { ApiAnswer } from "./jetstream-api.ts";
import { apiErrorCodes } from "./jetstream-api.ts";

/** The part of CONSUMER.INFO that matters here. */
export interface ConsumerFacts {
  readonly created: string;
  readonly delivered: { readonly consumer_seq: number; readonly stream_seq: number };
  readonly ack_floor: { readonly stream_seq: number };
  readonly num_ack_pending: number;
  readonly num_pending: number;
  readonly num_waiting: number;
  readonly paused?: boolean;
  readonly config: { readonly pause_until?: string; readonly max_ack_pending?: number };
}

export type ConsumerFinding =
  | { readonly kind: "well" }
  /** Deleted from outside, or with its stream. */
  | { readonly kind: "gone"; readonly problem: string }
  /** Deleted and made anew by somebody else, or set back: what was settled comes again. */
  | { readonly kind: "replay"; readonly problem: string }
  | { readonly kind: "paused"; readonly problem: string }
  /** Events wait, nobody asks for them, and we believe that we do. */
  | { readonly kind: "stalled"; readonly problem: string }
  /** The server holds back: as many events are unsettled as it allows. */
  | { readonly kind: "full"; readonly problem: string };

/** `asking`: this instance believes that a request of its own waits at the server. */
export function assessConsumer(
  answer: ApiAnswer<ConsumerFacts>,
  before: ConsumerFacts | undefined,
  asking: boolean,
): ConsumerFinding {
  if (!answer.ok) {
    const { err_code } = answer.error;
    return err_code === apiErrorCodes.consumerNotFound || err_code === apiErrorCodes.streamNotFound
      ? { kind: "gone", problem: err_code === apiErrorCodes.streamNotFound ? "the stream is gone" : "it is gone" }
      : { kind: "well" };
  }
  const facts = answer.result;
  if (before !== undefined && facts.created !== before.created) {
    return { kind: "replay", problem: "it was made anew from outside" };
  }
  if (before !== undefined && facts.delivered.consumer_seq < before.delivered.consumer_seq) {
    return { kind: "replay", problem: "it was set back from outside" };
  }
  if (facts.paused === true) {
    return {
      kind: "paused",
      problem: `it is paused from outside until ${facts.config.pause_until ?? "further notice"}`,
    };
  }
  if (asking && facts.num_pending > 0 && facts.num_waiting === 0) {
    return { kind: "stalled", problem: `${facts.num_pending} events wait and no request does` };
  }
  const limit = facts.config.max_ack_pending ?? -1;
  if (limit > 0 && facts.num_ack_pending >= limit && facts.num_pending > 0) {
    return { kind: "full", problem: `${facts.num_ack_pending} events are unsettled, as many as the server allows` };
  }
  return { kind: "well" };
}
