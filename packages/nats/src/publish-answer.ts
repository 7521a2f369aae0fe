// What the server says to a publication, and what follows from it.

import type { Msg } from "@nats-io/nats-core";
import { ThroughlineError } from "@throughline/contracts";
import type { PublishReceipt } from "@throughline/core";
import { decodeHeaderBlock } from "./header-block.ts";
import { type ApiError, apiErrorCodes } from "./jetstream-api.ts";
import type { Sending } from "./publication.ts";
import { rawHeaderBlock, textOf } from "./raw-message.ts";

export type PublishAnswer =
  | { readonly kind: "stored"; readonly receipt: PublishReceipt }
  /** Another try under the same message id can succeed. */
  | { readonly kind: "transient"; readonly reason: string }
  /** As transient, and the server asks for less at a time. */
  | { readonly kind: "overwhelmed"; readonly reason: string }
  | { readonly kind: "refused"; readonly error: ApiError };

interface PubAck {
  readonly stream: string;
  readonly seq: number;
  readonly duplicate?: boolean;
  readonly error?: ApiError;
}

/** What nearly every answer looks like; the others are parsed as the JSON that they are. */
const plainAck = /^\{"stream":"([\w-]+)", ?"seq":(\d{1,15})\}$/;

/** Status and code of 10167 (too many requests) and 10210 (too many batches). */
const tooManyRequests = 429;

const transientErrors: ReadonlySet<number> = new Set([
  apiErrorCodes.systemTemporarilyUnavailable,
  apiErrorCodes.insufficientResources,
  apiErrorCodes.insufficientStorage,
  apiErrorCodes.maximumMessages,
  apiErrorCodes.duplicateInProgress,
  apiErrorCodes.batchIncomplete,
]);

export function readPublishAnswer(message: Msg): PublishAnswer {
  const block = rawHeaderBlock(message);
  if (block !== undefined) {
    // Only the server's own status messages have headers here: 503, nobody listens on the subject.
    const reading = decodeHeaderBlock(block);
    const status = "block" in reading ? reading.block.status : 0;
    return status === tooManyRequests
      ? { kind: "overwhelmed", reason: "too many requests" }
      : { kind: "transient", reason: status === 503 ? "no stream takes this subject" : `status ${status}` };
  }
  const text = textOf(message);
  const plain = plainAck.exec(text);
  if (plain !== null) {
    const [, stream = "", sequence] = plain;
    return { kind: "stored", receipt: { stream, sequence: Number(sequence), duplicate: false } };
  }
  const ack = JSON.parse(text) as PubAck;
  if (ack.error === undefined) {
    const receipt = { stream: ack.stream, sequence: ack.seq, duplicate: ack.duplicate ?? false };
    return { kind: "stored", receipt };
  }
  const { code, err_code, description } = ack.error;
  if (code === tooManyRequests) {
    return { kind: "overwhelmed", reason: description };
  }
  return transientErrors.has(err_code) || code === 503
    ? { kind: "transient", reason: description }
    : { kind: "refused", error: ack.error };
}

export function refused({ subject, messageId, bytes }: Sending, error: ApiError): ThroughlineError {
  const details = { subject, eventId: messageId, code: error.code, errorCode: error.err_code };
  if (error.err_code === apiErrorCodes.messageTooLarge) {
    return new ThroughlineError("NATS_PAYLOAD_TOO_LARGE", `${subject}: ${bytes} bytes; the stream takes less.`, {
      details: { ...details, bytes },
      remedy: "Store the payload elsewhere and publish a reference to it, or raise max_msg_size of the stream.",
    });
  }
  if (error.err_code === apiErrorCodes.schedulesDisabled || error.err_code === apiErrorCodes.batchesDisabled) {
    return new ThroughlineError("BUS_FEATURE_UNSUPPORTED", `The stream of ${subject} refused: ${error.description}.`, {
      details,
      remedy:
        "Allow it: `nats stream edit STREAM --allow-batch` or `--allow-schedules`. A stream with a size limit and " +
        "discard policy new takes no schedules.",
    });
  }
  return new ThroughlineError("NATS_PUBLISH_REJECTED", `The server refused ${subject}: ${error.description}.`, {
    details: { ...details, description: error.description },
  });
}

export function unconfirmed({ subject, messageId }: Sending, reason: string): ThroughlineError {
  return new ThroughlineError("NATS_PUBLISH_UNCONFIRMED", `${subject} was not confirmed in time: ${reason}.`, {
    details: { subject, eventId: messageId, reason },
  });
}
