// Reads what streams hold about a key, through the server's subject index: the cost follows the key, not the stream.

import { encodeKey, type StoredWireMessage, streamOfContext } from "@throughline/contracts";
import { silentLogger } from "@throughline/core";
import { JetStreamApi } from "./jetstream-api.ts";
import { openConnection } from "./open-connection.ts";
import { StreamMessages } from "./stream-messages.ts";

export interface StoredEventsReader extends AsyncDisposable {
  readonly serverVersion: string;
  /** Every event of `key` in the contexts' streams, oldest first within a stream. */
  eventsOfKey(contexts: readonly string[], key: string): Promise<StoredWireMessage[]>;
  /** Every message of a stream on this subject, oldest first. */
  messages(stream: string, subject: string): Promise<StoredWireMessage[]>;
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
  const stored = new StreamMessages(connection, new JetStreamApi(connection), "_INBOX_throughline-reader");
  return {
    serverVersion: connection.info?.version ?? "unknown",
    async eventsOfKey(contexts, key) {
      const perStream = await Promise.all(
        contexts.map((context) => collect(stored.read(streamOfContext(context), `${context}.*.${encodeKey(key)}`))),
      );
      return perStream.flat();
    },
    messages: (stream, subject) => collect(stored.read(stream, subject)),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

async function collect(messages: AsyncIterable<StoredWireMessage>): Promise<StoredWireMessage[]> {
  const all: StoredWireMessage[] = [];
  for await (const message of messages) {
    all.push(message);
  }
  return all;
}
