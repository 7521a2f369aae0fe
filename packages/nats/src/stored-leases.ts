// Leases as messages of a stream that keeps the newest of each; the stream's sequence is the revision, and the server
// refuses a write that expects another one.

import { headers, type NatsConnection } from "@nats-io/nats-core";
import { ThroughlineError } from "@throughline/contracts";
import { type LeaseRecord, type Leases, leaseStream } from "@throughline/core";
import { type ApiError, apiErrorCodes } from "./jetstream-api.ts";
import type { StreamMessages } from "./stream-messages.ts";

const timeoutMs = 2_000;

interface PublishAnswer {
  readonly seq?: number;
  readonly error?: ApiError;
}

export class StoredLeases implements Leases {
  readonly #connection: NatsConnection;
  readonly #messages: StreamMessages;

  constructor(connection: NatsConnection, messages: StreamMessages) {
    this.#connection = connection;
    this.#messages = messages;
  }

  /** From the stream's leader alone: nothing is created for it, and no replica that lags behind is asked. */
  async list(group: string): Promise<readonly LeaseRecord[]> {
    const newest = await this.#messages.newestOfEach(leaseStream.name, `leases.${group}.*`);
    return newest.map(({ message, storedAt }) => ({
      name: message.subject.slice(`leases.${group}.`.length),
      value: Buffer.from(message.body).toString(),
      revision: storedAt.sequence,
    }));
  }

  async write(group: string, name: string, value: string, expectedRevision?: number): Promise<number | undefined> {
    const expectation = headers();
    if (expectedRevision !== undefined) {
      expectation.set("Nats-Expected-Last-Subject-Sequence", String(expectedRevision));
    }
    const subject = `leases.${group}.${name}`;
    const reply = await this.#connection.request(subject, value, { timeout: timeoutMs, headers: expectation });
    const { seq, error } = reply.json<PublishAnswer>();
    if (error === undefined) {
      return seq;
    }
    if (
      error.err_code === apiErrorCodes.wrongLastSequence ||
      error.err_code === apiErrorCodes.wrongLastSequenceConstant
    ) {
      return undefined;
    }
    throw new ThroughlineError("NATS_REQUEST_FAILED", `The lease ${subject} was not written: ${error.description}.`, {
      details: { subject, code: error.code, errorCode: error.err_code },
    });
  }
}
