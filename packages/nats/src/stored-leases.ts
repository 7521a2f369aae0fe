// Leases as messages of a stream that keeps the newest of each; the stream's sequence is the revision, and the server
// refuses a write that expects another one.

import { headers, type NatsConnection } from "@nats-io/nats-core";
import { ThroughlineError } from "@throughline/contracts";
import { type LeaseRecord, type Leases, leaseStream, type StoredMessages } from "@throughline/core";
import { type ApiError, apiErrorCodes } from "./jetstream-api.ts";

const timeoutMs = 2_000;

interface PublishAnswer {
  readonly seq?: number;
  readonly error?: ApiError;
}

export class StoredLeases implements Leases {
  readonly #connection: NatsConnection;
  readonly #stored: StoredMessages;

  constructor(connection: NatsConnection, stored: StoredMessages) {
    this.#connection = connection;
    this.#stored = stored;
  }

  async list(group: string): Promise<readonly LeaseRecord[]> {
    const records: LeaseRecord[] = [];
    for await (const { message, storedAt } of this.#stored.read(leaseStream.name, `leases.${group}.*`)) {
      const name = message.subject.slice(`leases.${group}.`.length);
      records.push({ name, value: Buffer.from(message.body).toString(), revision: storedAt.sequence });
    }
    return records;
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
