// How a dead letter travels back to the one subscription that failed: a work queue with a subject for each subscription,
// so that nobody else gets the event a second time.

import type { StoredAt, StoredWireMessage, WireHeaders, WireMessage } from "@throughline/contracts";
import type { Delivery, OutgoingMessage, StreamTopology, SubscriptionTopology } from "../transport.ts";

const dayMs = 86_400_000;

/** Redriven events that are not handled yet. Ids are remembered for a day: a redrive resumed by then repeats nothing. */
export const redriveStream: StreamTopology = {
  name: "REDRIVES",
  subjects: ["redrive.>"],
  keep: { untilAcknowledged: true, messageIdsForMs: dayMs },
};

/** What a redriven event carries beside its own headers. */
export const redriveHeaders = {
  prefix: "throughline-redrive-",
  job: "throughline-redrive-job",
  replays: "throughline-redrive-replays",
  originStream: "throughline-redrive-stream",
  originSequence: "throughline-redrive-sequence",
  originTime: "throughline-redrive-stored",
} as const;

/** Names of NATS have powers, so what was one of them is kept under this one. */
export const originPrefix = "throughline-origin-";

/** Where an event was stored at first, and how often it was redriven since. */
export interface Origin {
  readonly storedAt: StoredAt;
  readonly replays: number;
  readonly job?: string;
}

export interface RedriveFacts extends Origin {
  readonly job: string;
  readonly service: string;
  readonly subscription: string;
  /** The dead letter's own place; it makes a repeated redrive the same message. */
  readonly letter: number;
}

/** The message that brings an event back to its subscription. */
export function createRedrive({ subject, headers, body }: WireMessage, facts: RedriveFacts): OutgoingMessage {
  const all = new Map(headers);
  all.set(redriveHeaders.job, facts.job);
  all.set(redriveHeaders.replays, String(facts.replays));
  all.set(redriveHeaders.originStream, facts.storedAt.stream);
  all.set(redriveHeaders.originSequence, String(facts.storedAt.sequence));
  all.set(redriveHeaders.originTime, new Date(facts.storedAt.timeMs).toISOString());
  return {
    subject: `redrive.${facts.service}.${facts.subscription}.${subject}`,
    headers: all,
    body,
    messageId: `redrive:${facts.letter}`,
  };
}

/** The durable through which one service gets what is redriven to its subscriptions. */
export function redriveTopology(service: string, ackWaitMs: number): SubscriptionTopology {
  return {
    stream: redriveStream.name,
    durable: `${service}-redrives`,
    filterSubjects: [`redrive.${service}.>`],
    startFrom: "first",
    ackWaitMs,
    keepOrder: false,
  };
}

/** Which subscription a redriven message is for, and the event as it was; undefined for anything else. */
export function readRedrive(message: WireMessage): { subscription: string; event: WireMessage } | undefined {
  const [, , subscription, ...subject] = message.subject.split(".");
  if (subscription === undefined || subject.length === 0) {
    return undefined;
  }
  const headers = new Map<string, string>();
  for (const [name, value] of message.headers) {
    if (name.startsWith(originPrefix)) {
      headers.set(name.slice(originPrefix.length), value);
    } else if (!name.startsWith("nats-")) {
      headers.set(name, value);
    }
  }
  return { subscription, event: { subject: subject.join("."), headers, body: message.body } };
}

/** Whether this event was brought back by somebody. */
export function isRedriven(headers: WireHeaders): boolean {
  return headers.has(redriveHeaders.job);
}

export function originOf({ message, storedAt }: Pick<Delivery, "message" | "storedAt"> | StoredWireMessage): Origin {
  const { headers } = message;
  const job = headers.get(redriveHeaders.job);
  if (job === undefined) {
    return { storedAt, replays: 0 };
  }
  return {
    job,
    replays: Number(headers.get(redriveHeaders.replays) ?? 0),
    storedAt: {
      stream: headers.get(redriveHeaders.originStream) ?? storedAt.stream,
      sequence: Number(headers.get(redriveHeaders.originSequence) ?? storedAt.sequence),
      timeMs: Date.parse(headers.get(redriveHeaders.originTime) ?? "") || storedAt.timeMs,
    },
  };
}
