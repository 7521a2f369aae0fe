// Reads what streams hold, message by message, through the server's subject index: the cost follows what matches.

import type { ConsumerInfo } from "@nats-io/jetstream";
import type { Msg, NatsConnection } from "@nats-io/nats-core";
import { createInbox } from "@nats-io/nats-core";
import type { StoredWireMessage, WireHeaders } from "@throughline/contracts";
import type { StoredMessages } from "@throughline/core";
import { parseAckReply } from "./ack-reply.ts";
import { decodeHeaderBlock } from "./header-block.ts";
import { apiErrorCodes, type JetStreamApi, requestFailed } from "./jetstream-api.ts";
import { rawHeaderBlock } from "./raw-message.ts";

const batch = 256;
const nanosPerMs = 1_000_000;
const inactiveMs = 30_000;
const pullTimeoutMs = 5_000;

interface StoredMessage {
  readonly message: {
    readonly subject: string;
    readonly seq: number;
    readonly time: string;
    readonly hdrs?: string;
    readonly data?: string;
  };
}

/** Where a reader begins. */
type ReaderStart =
  | { readonly deliver_policy: "by_start_sequence"; readonly opt_start_seq: number }
  | { readonly deliver_policy: "by_start_time"; readonly opt_start_time: string };

interface StreamState {
  readonly state: { readonly last_seq: number; readonly subjects?: Readonly<Record<string, number>> };
}

export class StreamMessages implements StoredMessages {
  readonly #connection: NatsConnection;
  readonly #api: JetStreamApi;
  readonly #inboxPrefix: string;

  constructor(connection: NatsConnection, api: JetStreamApi, inboxPrefix: string) {
    this.#connection = connection;
    this.#api = api;
    this.#inboxPrefix = inboxPrefix;
  }

  /**
   * What is stored at the time of the call, through consumers without acks: made anew when the server forgot one because its
   * reader was slow. One may run where the stream lags behind, and find too little: the leader knows whether there is more.
   * Messages with unreadable headers have none.
   */
  async *read(stream: string, subject: string, fromSequence = 1): AsyncGenerator<StoredWireMessage> {
    const last = await this.#lastOn(stream, subject);
    for (let next = Math.max(1, fromSequence); next <= last; ) {
      const begun = next;
      for await (const message of this.#readOnce(stream, subject, {
        deliver_policy: "by_start_sequence",
        opt_start_seq: next,
      })) {
        if (message.storedAt.sequence > last) {
          return;
        }
        next = message.storedAt.sequence + 1;
        yield message;
      }
      if (next === begun) {
        const message = await this.#get(stream, { seq: next, next_by_subj: subject });
        if (message === undefined || message.storedAt.sequence > last) {
          return;
        }
        next = message.storedAt.sequence + 1;
        yield message;
      }
    }
  }

  /**
   * What was stored from a time on, whatever its subject: the server counts what fits a filter before it begins. For a reader
   * that soon has enough: what makes `read` complete is not done here.
   */
  readSince(stream: string, timeMs: number): AsyncGenerator<StoredWireMessage> {
    const opt_start_time = new Date(timeMs).toISOString();
    return this.#readOnce(stream, ">", { deliver_policy: "by_start_time", opt_start_time });
  }

  /** What is published from now on, seen as it passes: nothing is stored or asked for. Ends with the signal. */
  async *follow(subject: string, signal: AbortSignal): AsyncGenerator<StoredWireMessage> {
    const subscription = this.#connection.subscribe(subject);
    const end = () => subscription.unsubscribe();
    signal.addEventListener("abort", end, { once: true });
    try {
      for await (const message of subscription) {
        const { headers, ...problem } = readHeaders(rawHeaderBlock(message));
        const storedAt = { stream: "", sequence: 0, timeMs: Date.now() };
        yield { message: { subject: message.subject, headers, body: message.data }, ...problem, storedAt };
      }
    } finally {
      signal.removeEventListener("abort", end);
      end();
    }
  }

  /** As far as one short-lived consumer leads. */
  async *#readOnce(stream: string, subject: string, start: ReaderStart): AsyncGenerator<StoredWireMessage> {
    const consumer = await this.#createReader(stream, subject, start);
    if (consumer === undefined) {
      return;
    }
    try {
      for (let pending = consumer.num_pending; pending > 0; ) {
        const received = (await this.#pull(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer.name}`)).flatMap(toStored);
        yield* received;
        pending = received.length === 0 ? 0 : pending - received.length;
      }
    } finally {
      await this.#api.request(`CONSUMER.DELETE.${stream}.${consumer.name}`);
    }
  }

  /** As the leader knows it: the newest sequence on subjects that match, of a whole stream the last that was given out. */
  async #lastOn(stream: string, subject: string): Promise<number> {
    if (subject === ">") {
      return await this.lastSequence(stream);
    }
    const request = `STREAM.MSG.GET.${stream}`;
    const answer = await this.#api.request<StoredMessage>(request, { last_by_subj: subject });
    if (answer.ok) {
      return answer.result.message.seq;
    }
    if (isGone(answer.error.err_code)) {
      return 0;
    }
    throw requestFailed(request, answer.error);
  }

  get(stream: string, sequence: number): Promise<StoredWireMessage | undefined> {
    return this.#get(stream, { seq: sequence });
  }

  /**
   * The newest message on each subject that matches, as the leader knows it. Without a reader: a queue allows none beside
   * those who empty it.
   */
  async newestOfEach(stream: string, subject: string): Promise<StoredWireMessage[]> {
    const info = await this.#info(stream, { subjects_filter: subject });
    const subjects = Object.keys(info?.state.subjects ?? {});
    const newest = await Promise.all(subjects.map((one) => this.#get(stream, { last_by_subj: one })));
    return newest.filter((message) => message !== undefined);
  }

  async #get(
    stream: string,
    wanted: { seq: number; next_by_subj?: string } | { last_by_subj: string },
  ): Promise<StoredWireMessage | undefined> {
    const request = `STREAM.MSG.GET.${stream}`;
    const answer = await this.#api.request<StoredMessage>(request, wanted);
    if (!answer.ok) {
      if (isGone(answer.error.err_code)) {
        return undefined;
      }
      throw requestFailed(request, answer.error);
    }
    const { subject, seq, hdrs, data, time } = answer.result.message;
    const { headers, ...problem } = readHeaders(hdrs === undefined ? undefined : Buffer.from(hdrs, "base64"));
    return {
      message: { subject, headers, body: Buffer.from(data ?? "", "base64") },
      ...problem,
      storedAt: { stream, sequence: seq, timeMs: Date.parse(time) },
    };
  }

  async delete(stream: string, sequence: number): Promise<boolean> {
    const request = `STREAM.MSG.DELETE.${stream}`;
    const answer = await this.#api.request(request, { seq: sequence, no_erase: true });
    if (answer.ok) {
      return true;
    }
    if (isGone(answer.error.err_code)) {
      return false;
    }
    throw requestFailed(request, answer.error);
  }

  async count(stream: string, subject: string): Promise<number> {
    const info = await this.#info(stream, { subjects_filter: subject });
    return Object.values(info?.state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
  }

  async lastSequence(stream: string): Promise<number> {
    return (await this.#info(stream))?.state.last_seq ?? 0;
  }

  /** Undefined where the stream does not exist. */
  async #createReader(stream: string, subject: string, start: ReaderStart): Promise<ConsumerInfo | undefined> {
    const created = await this.#api.request<ConsumerInfo>(`CONSUMER.CREATE.${stream}`, {
      stream_name: stream,
      config: {
        ack_policy: "none",
        ...start,
        filter_subject: subject,
        mem_storage: true,
        num_replicas: 1,
        inactive_threshold: inactiveMs * nanosPerMs,
      },
    });
    if (!created.ok && created.error.err_code !== apiErrorCodes.streamNotFound) {
      throw requestFailed(`CONSUMER.CREATE.${stream}`, created.error);
    }
    return created.ok ? created.result : undefined;
  }

  async #info(stream: string, options?: object): Promise<StreamState | undefined> {
    const request = `STREAM.INFO.${stream}`;
    const answer = await this.#api.request<StreamState>(request, options);
    if (!answer.ok && answer.error.err_code !== apiErrorCodes.streamNotFound) {
      throw requestFailed(request, answer.error);
    }
    return answer.ok ? answer.result : undefined;
  }

  /** One pull without waiting: what is there, up to a batch, ended by the server's status message. */
  #pull(subject: string): Promise<Msg[]> {
    const inbox = createInbox(this.#inboxPrefix);
    return new Promise((resolve) => {
      const messages: Msg[] = [];
      const finish = () => {
        clearTimeout(timer);
        subscription.unsubscribe();
        resolve(messages);
      };
      const timer = setTimeout(finish, pullTimeoutMs);
      const subscription = this.#connection.subscribe(inbox, {
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
      this.#connection.publish(subject, JSON.stringify({ batch, no_wait: true }), { reply: inbox });
    });
  }
}

function isGone(errorCode: number): boolean {
  return (
    errorCode === apiErrorCodes.messageNotFound ||
    errorCode === apiErrorCodes.sequenceNotFound ||
    errorCode === apiErrorCodes.messageDeleteFailed ||
    errorCode === apiErrorCodes.streamNotFound
  );
}

function toStored(message: Msg): StoredWireMessage[] {
  const reply = parseAckReply(message.reply ?? "");
  if (reply === undefined) {
    return [];
  }
  const { headers, ...problem } = readHeaders(rawHeaderBlock(message));
  return [
    {
      message: { subject: message.subject, headers, body: message.data },
      ...problem,
      storedAt: { stream: reply.stream, sequence: reply.streamSequence, timeMs: reply.storedAtMs },
    },
  ];
}

function readHeaders(block: Uint8Array | undefined): { headers: WireHeaders; malformedHeaders?: string } {
  const reading = block === undefined ? undefined : decodeHeaderBlock(block);
  if (reading === undefined) {
    return { headers: new Map() };
  }
  return "block" in reading
    ? { headers: reading.block.headers }
    : { headers: new Map(), malformedHeaders: reading.problem };
}
