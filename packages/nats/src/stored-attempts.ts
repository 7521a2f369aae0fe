// Attempts that failed, one record for each event and durable, in a stream that keeps the newest of each.

import type { StoredAt } from "@throughline/contracts";
import { type AttemptRecord, type AttemptRecords, attemptStream, subjectOfAttempts } from "@throughline/core";
import type { ConfirmedPublisher } from "./confirmed-publisher.ts";
import { apiErrorCodes, type JetStreamApi, requestFailed } from "./jetstream-api.ts";

interface StoredMessage {
  readonly message: { readonly data?: string };
}

/** Asks the stream's leader: a replica that lags behind would count an attempt too little. */
export async function readAttempts(
  api: JetStreamApi,
  durable: string,
  event: StoredAt,
): Promise<AttemptRecord | undefined> {
  const request = `STREAM.MSG.GET.${attemptStream.name}`;
  const answer = await api.request<StoredMessage>(request, { last_by_subj: subjectOfAttempts(durable, event) });
  if (answer.ok) {
    return JSON.parse(Buffer.from(answer.result.message.data ?? "", "base64").toString()) as AttemptRecord;
  }
  if ([apiErrorCodes.messageNotFound, apiErrorCodes.streamNotFound].some((code) => code === answer.error.err_code)) {
    return undefined;
  }
  throw requestFailed(request, answer.error);
}

export class StoredAttempts implements AttemptRecords {
  readonly #api: JetStreamApi;
  readonly #publisher: ConfirmedPublisher;

  constructor(api: JetStreamApi, publisher: ConfirmedPublisher) {
    this.#api = api;
    this.#publisher = publisher;
  }

  read(durable: string, event: StoredAt): Promise<AttemptRecord | undefined> {
    return readAttempts(this.#api, durable, event);
  }

  async write(durable: string, event: StoredAt, record: AttemptRecord): Promise<void> {
    const subject = subjectOfAttempts(durable, event);
    await this.#publisher.publish({
      subject,
      headers: new Map(),
      body: JSON.stringify(record),
      messageId: [subject, ...Object.values(record).filter((value) => typeof value === "number")].join(":"),
      orderKey: subject,
    });
  }
}
