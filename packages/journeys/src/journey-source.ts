// What a journey is read from. `openStoredEvents` of @throughline/nats is one.

import type { StoredAt, StoredWireMessage } from "@throughline/contracts";

/** A durable consumer, as its server tells of it. */
export interface ConsumerFacts {
  /** `<service>-<subscription>` */
  readonly durable: string;
  readonly filterSubjects: readonly string[];
  /** Everything up to here is done. */
  readonly settledSequence: number;
  /** Nothing behind this was delivered yet. */
  readonly deliveredSequence: number;
}

/** What is noted of an event that failed and is not done. */
export interface AttemptFacts {
  readonly failures: number;
  readonly error?: { readonly name: string; readonly message: string };
}

export interface JourneySource {
  /** The contexts that have a stream. */
  contexts(): Promise<readonly string[]>;
  /** Every event of `key` in the contexts' streams, at a cost that follows the key. */
  eventsOfKey(contexts: readonly string[], key: string): Promise<readonly StoredWireMessage[]>;
  /** Every message on a subject, oldest first; none where there is no such stream. */
  messages(stream: string, subject: string): Promise<readonly StoredWireMessage[]>;
  /** Events of a context as they were stored from a time on, until the reader has enough. */
  eventsSince(context: string, timeMs: number): AsyncIterable<StoredWireMessage>;
  consumers(context: string): Promise<readonly ConsumerFacts[]>;
  attempts(durable: string, event: StoredAt): Promise<AttemptFacts | undefined>;
}
