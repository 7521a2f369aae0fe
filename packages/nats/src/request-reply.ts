// Questions over core NATS: nobody there is known at once, and whoever works on an answer learns that nobody waits for it
// any more.

import { errors, type Msg, type NatsConnection } from "@nats-io/nats-core";
import { ThroughlineError, type WireMessage } from "@throughline/contracts";
import type { IncomingRequest, TransportConnection } from "@throughline/core";
import { headersOf, toMsgHeaders } from "./wire-headers.ts";

/** Names one question; the same in its cancellation. */
const callHeader = "throughline-call";
/** Where the cancellations of a procedure go: not under `rpc.`, so that nobody takes one for a question. */
export function cancelSubjectOf(subject: string): string {
  return subject.replace(/^rpc\./, "rpc-cancel.");
}

/** @throws BUS_PROCEDURE_UNAVAILABLE, BUS_CALL_TIMEOUT, or why the signal was aborted */
export async function sendRequest(
  connection: NatsConnection,
  { subject, headers, body }: Parameters<TransportConnection["request"]>[0],
  { timeoutMs, signal }: Parameters<TransportConnection["request"]>[1],
): Promise<Pick<WireMessage, "headers" | "body">> {
  signal.throwIfAborted();
  const cancel = () => {
    if (!connection.isClosed()) {
      connection.publish(cancelSubjectOf(subject), headers.get(callHeader) ?? "");
    }
  };
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => {
    cancel();
    reject(signal.reason);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const asking = connection.request(subject, body, { timeout: timeoutMs, headers: toMsgHeaders(headers) });
    const answer = await Promise.race([asking, aborted]);
    return { headers: headersOf(answer), body: answer.data };
  } catch (error) {
    throw signal.aborted ? signal.reason : translate(error, subject, timeoutMs, cancel);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function translate(error: unknown, subject: string, timeoutMs: number, cancel: () => void): unknown {
  const cause = error instanceof errors.RequestError ? (error.cause ?? error) : error;
  if (error instanceof errors.NoRespondersError || cause instanceof errors.NoRespondersError) {
    return new ThroughlineError("BUS_PROCEDURE_UNAVAILABLE", `Nobody serves ${subject}.`, {
      details: { subject },
      cause: error,
    });
  }
  if (error instanceof errors.TimeoutError || cause instanceof errors.TimeoutError) {
    cancel();
    return new ThroughlineError("BUS_CALL_TIMEOUT", `No answer to ${subject} within ${timeoutMs} ms.`, {
      details: { subject, timeoutMs },
      cause: error,
    });
  }
  return new ThroughlineError("BUS_PROCEDURE_UNAVAILABLE", `${subject} could not be asked.`, {
    details: { subject },
    cause: error,
  });
}

/** Questions under way in this instance, to be found when one is cancelled. */
export class OpenRequests {
  readonly #cancellations = new Map<string, () => void>();

  open(message: Msg, onAnswered: (failure: unknown) => void): IncomingRequest {
    const headers = headersOf(message);
    const call = headers.get(callHeader) ?? "";
    let isAnswered = false;
    return {
      message: { subject: message.subject, headers, body: message.data },
      onCancel: (listener) => {
        if (call !== "") {
          this.#cancellations.set(call, listener);
        }
      },
      respond: (answerHeaders, body, failure) => {
        if (!isAnswered) {
          isAnswered = true;
          this.#cancellations.delete(call);
          message.respond(body, { headers: toMsgHeaders(new Map(answerHeaders)) });
          onAnswered(failure);
        }
      },
    };
  }

  cancel(call: string): void {
    this.#cancellations.get(call)?.();
    this.#cancellations.delete(call);
  }
}
