// Requests to the JetStream API, with its errors as data. The few calls that a service makes at start need no more;
// leaving out the management client keeps the start of a process short.

import { errors, type NatsConnection } from "@nats-io/nats-core";
import { ThroughlineError } from "@throughline/contracts";

/** An error that the JetStream API answered. */
export interface ApiError {
  readonly code: number;
  readonly err_code: number;
  readonly description: string;
}

/** Error codes of the JetStream API that this package acts on. */
export const apiErrorCodes = {
  /** A member that would have to take a replica is offline. */
  noSuitablePeers: 10005,
  systemTemporarilyUnavailable: 10008,
  notLeader: 10009,
  consumerNotFound: 10014,
  insufficientResources: 10023,
  messageNotFound: 10037,
  insufficientStorage: 10047,
  messageTooLarge: 10054,
  sequenceNotFound: 10043,
  messageDeleteFailed: 10057,
  streamNameInUse: 10058,
  streamNotFound: 10059,
  wrongLastSequence: 10071,
  maximumMessages: 10077,
  duplicateInProgress: 10158,
  wrongLastSequenceConstant: 10164,
  batchesDisabled: 10174,
  batchIncomplete: 10176,
  schedulesDisabled: 10188,
  batchDuplicate: 10201,
} as const;

export type ApiAnswer<Result> =
  | { readonly ok: true; readonly result: Result }
  | { readonly ok: false; readonly error: ApiError };

const requestTimeoutMs = 5_000;
const retryForMs = 30_000;
/** How long a member that comes back may know nothing of the consumers that it keeps, where nobody has known them yet. */
const ignoranceMs = 2_000;
const ignorancePauseMs = 100;

export class JetStreamApi {
  readonly #connection: NatsConnection;
  /** Whether those who lead consumers here say so. A server of a cluster may have its JetStream outside of it. */
  #tellsLeaders: boolean | undefined;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  /**
   * One API call; waits out time-outs, elections and servers that are still starting for up to 30 s.
   * @throws NATS_REQUEST_FAILED, NATS_SERVER_UNSUPPORTED when nobody answers for JetStream
   */
  async request<Result>(subject: string, body: object = {}): Promise<ApiAnswer<Result>> {
    const deadline = Date.now() + retryForMs;
    for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 1_000)) {
      try {
        const answer = await this.#ask<Result>(subject, body);
        if (answer.ok || !isTransient(answer.error) || Date.now() > deadline) {
          return answer;
        }
      } catch (error) {
        if (Date.now() > deadline || this.#connection.isClosed()) {
          throw translate(error, subject);
        }
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  /**
   * CONSUMER.INFO as the consumer's leader answers it. In a cluster a member that has just come back may answer first, with
   * all numbers 0 and without saying who leads: then it is asked again.
   * @throws as `request`
   */
  async consumerInfo<Info>(stream: string, durable: string): Promise<ApiAnswer<Info>> {
    for (const startedAt = Date.now(); ; ) {
      const answer = await this.request<Info & { readonly cluster?: object }>(`CONSUMER.INFO.${stream}.${durable}`);
      if (!answer.ok || this.#connection.info?.cluster === undefined || this.#tellsLeaders === false) {
        return answer;
      }
      if (answer.result.cluster !== undefined) {
        this.#tellsLeaders = true;
        return answer;
      }
      if (Date.now() - startedAt > (this.#tellsLeaders === true ? retryForMs : ignoranceMs)) {
        this.#tellsLeaders ??= false;
        return answer;
      }
      await new Promise((resolve) => setTimeout(resolve, ignorancePauseMs));
    }
  }

  /** As `request`, for calls where any error of the API is unexpected. @throws NATS_REQUEST_FAILED */
  async require<Result>(subject: string, body?: object): Promise<Result> {
    const answer = await this.request<Result>(subject, body);
    if (!answer.ok) {
      throw requestFailed(subject, answer.error);
    }
    return answer.result;
  }

  async #ask<Result>(subject: string, body: object): Promise<ApiAnswer<Result>> {
    const reply = await this.#connection.request(`$JS.API.${subject}`, JSON.stringify(body), {
      timeout: requestTimeoutMs,
    });
    const result = reply.json<Result & { readonly error?: ApiError }>();
    return result.error === undefined ? { ok: true, result } : { ok: false, error: result.error };
  }
}

export function requestFailed(subject: string, error: ApiError): ThroughlineError {
  return new ThroughlineError("NATS_REQUEST_FAILED", `JetStream refused ${subject}: ${error.description}.`, {
    details: { request: subject, code: error.code, errorCode: error.err_code, description: error.description },
  });
}

const transientErrors: ReadonlySet<number> = new Set([
  apiErrorCodes.noSuitablePeers,
  apiErrorCodes.systemTemporarilyUnavailable,
  apiErrorCodes.notLeader,
  apiErrorCodes.insufficientResources,
]);

function isTransient({ err_code, code }: ApiError): boolean {
  return transientErrors.has(err_code) || (code === 503 && err_code !== apiErrorCodes.maximumMessages);
}

function translate(error: unknown, subject: string): ThroughlineError {
  const cause = error instanceof errors.RequestError ? (error.cause ?? error) : error;
  if (error instanceof errors.NoRespondersError || cause instanceof errors.NoRespondersError) {
    return new ThroughlineError("NATS_SERVER_UNSUPPORTED", "The server answers no JetStream request.", {
      remedy: "Start nats-server with JetStream on (`nats-server -js`) and enable it for this account.",
      cause: error,
    });
  }
  return new ThroughlineError("NATS_REQUEST_FAILED", `JetStream did not answer ${subject}.`, {
    details: { request: subject },
    cause: error,
  });
}
