// Reads what streams hold about a key, through the server's subject index: the cost follows the key, not the stream.

import type { ConsumerInfo } from "@nats-io/jetstream";
import type { Msg, NatsConnection } from "@nats-io/nats-core";
import { createInbox } from "@nats-io/nats-core";
import { encodeKey, type StoredWireMessage, streamOfContext } from "@throughline/contracts";
import { silentLogger } from "@throughline/core";
import { parseAckReply } from "./ack-reply.ts";
import { decodeHeaderBlock } from "./header-block.ts";
import { JetStreamApi } from "./jetstream-api.ts";
import { openConnection } from "./open-connection.ts";
import { rawHeaderBlock } from "./raw-message.ts";

export interface StoredEventsReader extends AsyncDisposable {
  readonly serverVersion: string;
  /** Every event of `key` in the contexts' streams, oldest first within a stream; unreadable headers are left out. */
  eventsOfKey(contexts: readonly string[], key: string): Promise<StoredWireMessage[]>;
  /** Every message of a stream on this subject, oldest first. */
  messages(stream: string, subject: string): Promise<StoredWireMessage[]>;
}

const connectTimeoutMs = 5_000;
const batch = 256;
const nanosPerMs = 1_000_000;

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
  return {
    serverVersion: connection.info?.version ?? "unknown",
    async eventsOfKey(contexts, key) {
      const perStream = await Promise.all(
        contexts.map((context) =>
          readSubject(connection, api, streamOfContext(context), `${context}.*.${encodeKey(key)}`),
        ),
      );
      return perStream.flat();
    },
    messages: (stream, subject) => readSubject(connection, api, stream, subject),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

/** A consumer without acks that the server forgets by itself; empty when the stream does not exist yet. */
async function readSubject(
  connection: NatsConnection,
  api: JetStreamApi,
  stream: string,
  subject: string,
): Promise<StoredWireMessage[]> {
  const created = await api.request<ConsumerInfo>(`CONSUMER.CREATE.${stream}`, {
    stream_name: stream,
    config: {
      ack_policy: "none",
      deliver_policy: "all",
      filter_subject: subject,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: 5_000 * nanosPerMs,
    },
  });
  if (!created.ok) {
    return [];
  }
  const messages: StoredWireMessage[] = [];
  const { name, num_pending: expected } = created.result;
  while (messages.length < expected) {
    const received = await pull(connection, `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`);
    if (received.length === 0) {
      break;
    }
    messages.push(...received.flatMap(toStored));
  }
  await api.request(`CONSUMER.DELETE.${stream}.${name}`);
  return messages;
}

/** One pull without waiting: what is there, up to a batch, ended by the server's status message. */
function pull(connection: NatsConnection, subject: string): Promise<Msg[]> {
  const inbox = createInbox();
  return new Promise((resolve) => {
    const messages: Msg[] = [];
    const finish = () => {
      clearTimeout(timer);
      subscription.unsubscribe();
      resolve(messages);
    };
    const timer = setTimeout(finish, 5_000);
    const subscription = connection.subscribe(inbox, {
      callback: (_error, message) => {
        if (parseAckReply(message.reply ?? "") === undefined) {
          finish();
          return;
        }
        messages.push(message);
        if (messages.length === batch) {
          finish();
        }
      },
    });
    connection.publish(subject, JSON.stringify({ batch, no_wait: true }), { reply: inbox });
  });
}

function toStored(message: Msg): StoredWireMessage[] {
  const reply = parseAckReply(message.reply ?? "");
  const block = rawHeaderBlock(message);
  const reading = block === undefined ? undefined : decodeHeaderBlock(block);
  if (reply === undefined || (reading !== undefined && "problem" in reading)) {
    return [];
  }
  const headers = reading?.block.headers ?? new Map<string, string>();
  return [
    {
      message: { subject: message.subject, headers, body: message.data },
      storedAt: { stream: reply.stream, sequence: reply.streamSequence, timeMs: reply.storedAtMs },
    },
  ];
}
