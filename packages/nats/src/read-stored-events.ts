// Reads what streams hold of a key or around a time, and how far their consumers are, through the server's indexes: the cost
// follows what is asked for, not what the streams hold.

import type { ConsumerInfo, StreamInfo } from "@nats-io/jetstream";
import {
  contextOfStream,
  encodeKey,
  type StoredAt,
  type StoredWireMessage,
  streamOfContext,
} from "@throughline/contracts";
import {
  type AttemptRecord,
  attemptStream,
  journeyStream,
  leaseStream,
  redriveStream,
  silentLogger,
} from "@throughline/core";
import { JetStreamApi } from "./jetstream-api.ts";
import { openConnection } from "./open-connection.ts";
import { readAttempts } from "./stored-attempts.ts";
import { StreamMessages } from "./stream-messages.ts";

/** A durable consumer, as its server tells of it. */
export interface DurableState {
  readonly durable: string;
  readonly filterSubjects: readonly string[];
  /** Everything up to here is done. */
  readonly settledSequence: number;
  /** Nothing behind this was delivered yet. */
  readonly deliveredSequence: number;
  /** Not delivered yet. */
  readonly lag: number;
  /** Delivered and not answered. */
  readonly underWay: number;
}

export interface StoredEventsReader extends AsyncDisposable {
  readonly serverVersion: string;
  /** The contexts that have a stream. */
  contexts(): Promise<readonly string[]>;
  /** Every event of `key` in the contexts' streams, oldest first within a stream. */
  eventsOfKey(contexts: readonly string[], key: string): Promise<StoredWireMessage[]>;
  /** Every message of a stream on this subject, oldest first. */
  messages(stream: string, subject: string): Promise<StoredWireMessage[]>;
  /** Events of a context from a time on, oldest first, until the reader has enough. */
  eventsSince(context: string, timeMs: number): AsyncGenerator<StoredWireMessage>;
  /** The durable consumers of a context's stream. */
  consumers(context: string): Promise<readonly DurableState[]>;
  /** What is noted of an event that failed at a durable and is not done. */
  attempts(durable: string, event: StoredAt): Promise<AttemptRecord | undefined>;
  /** Events as they are published from now on, on subjects that match; ends with the signal. */
  follow(subject: string, signal: AbortSignal): AsyncGenerator<StoredWireMessage>;
}

interface Page {
  readonly total: number;
}

const connectTimeoutMs = 5_000;

/** Opens a connection for reading; creates nothing that lasts. @throws NATS_UNREACHABLE, NATS_UNAUTHORIZED */
export async function openStoredEvents(servers: string): Promise<StoredEventsReader> {
  const connection = await openConnection({
    servers: servers.split(","),
    service: "throughline-reader",
    logger: silentLogger,
    connectTimeoutMs,
    client: {},
  });
  const api = new JetStreamApi(connection);
  const stored = new StreamMessages(connection, api, "_INBOX_throughline-reader");
  return {
    serverVersion: connection.info?.version ?? "unknown",
    async contexts() {
      const streams = await listPages<StreamInfo>(api, "STREAM.LIST", "streams");
      return streams.flatMap(({ config }) => contextOf(config) ?? []);
    },
    async eventsOfKey(contexts, key) {
      const perStream = await Promise.all(
        contexts.map((context) => collect(stored.read(streamOfContext(context), `${context}.*.${encodeKey(key)}`))),
      );
      return perStream.flat();
    },
    messages: (stream, subject) =>
      stream === redriveStream.name ? stored.newestOfEach(stream, subject) : collect(stored.read(stream, subject)),
    eventsSince: (context, timeMs) => stored.readSince(streamOfContext(context), timeMs),
    async consumers(context) {
      const consumers = await listPages<ConsumerInfo>(api, `CONSUMER.LIST.${streamOfContext(context)}`, "consumers");
      return consumers.filter(({ config }) => config.durable_name !== undefined).map(toState);
    },
    attempts: (durable, event) => readAttempts(api, durable, event),
    follow: (subject, signal) => stored.follow(subject, signal),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

async function listPages<Entry>(api: JetStreamApi, request: string, name: "streams" | "consumers"): Promise<Entry[]> {
  const all: Entry[] = [];
  for (;;) {
    const page = await api.require<Page & Partial<Record<typeof name, readonly Entry[]>>>(request, {
      offset: all.length,
    });
    all.push(...(page[name] ?? []));
    if (all.length >= page.total || (page[name] ?? []).length === 0) {
      return all;
    }
  }
}

/** Only streams of events are named for the one context whose subjects they hold; the toolkit's own keep other things. */
function contextOf({ name, subjects }: StreamInfo["config"]): string | undefined {
  const context = contextOfStream(name);
  return !ownStreams.has(name) && subjects?.length === 1 && subjects[0] === `${context}.>` ? context : undefined;
}

const ownStreams: ReadonlySet<string> = new Set(
  [attemptStream, journeyStream, leaseStream, redriveStream].map(({ name }) => name),
);

function toState({ name, config, ack_floor, delivered, num_pending, num_ack_pending }: ConsumerInfo): DurableState {
  return {
    durable: name,
    filterSubjects: config.filter_subjects ?? (config.filter_subject ? [config.filter_subject] : []),
    settledSequence: ack_floor.stream_seq,
    deliveredSequence: delivered.stream_seq,
    lag: num_pending,
    underWay: num_ack_pending,
  };
}

async function collect(messages: AsyncIterable<StoredWireMessage>): Promise<StoredWireMessage[]> {
  const all: StoredWireMessage[] = [];
  for await (const message of messages) {
    all.push(message);
  }
  return all;
}
