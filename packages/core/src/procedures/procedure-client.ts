// Asks other services: typed, with a deadline and the trace, under a policy.

import {
  type AnyProcedureContract,
  createEventId,
  ProcedureError,
  type ProcedureReplyData,
  type ProcedureRequest,
  ThroughlineError,
} from "@throughline/contracts";
import { handlingScope } from "../policies/handling-scope.ts";
import { definePolicy, type Policy } from "../policies/policy.ts";
import { recordFailure, type Tracing, traceHeadersOf } from "../telemetry/tracing.ts";
import type { TransportConnection } from "../transport.ts";
import { procedureHeaders, readAnswer } from "./procedure-wire.ts";

export interface CallOptions {
  /** Time-out, retries, breaker and bulkhead. Default: the procedure's time-out, and three attempts if it is idempotent. */
  readonly policy?: Policy;
  /** Gives up; whoever works on the answer is told to stop. A handler's own signal is taken by itself. */
  readonly signal?: AbortSignal;
}

/**
 * Asks and waits for the answer.
 * @throws ProcedureError as the procedure declares, BUS_PROCEDURE_UNDECLARED, BUS_PROCEDURE_UNAVAILABLE,
 * BUS_PROCEDURE_FAILED, BUS_CALL_TIMEOUT, CONTRACT_DATA_INVALID, and what the policy throws
 */
export type Call<Called extends AnyProcedureContract> = <Procedure extends Called>(
  procedure: Procedure,
  request: ProcedureRequest<Procedure>,
  options?: CallOptions,
) => Promise<ProcedureReplyData<Procedure>>;

export interface ClientParts {
  readonly service: string;
  readonly calls: readonly AnyProcedureContract[];
  readonly connection: TransportConnection;
  readonly tracing: Tracing;
}

const idempotentRetry = { attempts: 3, initialDelayMs: 100, maxDelayMs: 1_000 };
/** Nobody was there, so nobody did anything: safe to ask again, whatever is asked. */
const unheardRetry = { attempts: 3, initialDelayMs: 50, maxDelayMs: 200 };

export class ProcedureClient {
  readonly #parts: ClientParts;
  readonly #declared: ReadonlySet<AnyProcedureContract>;
  readonly #policies = new Map<AnyProcedureContract, Policy>();

  constructor(parts: ClientParts) {
    this.#parts = parts;
    this.#declared = new Set(parts.calls);
  }

  async call(procedure: AnyProcedureContract, request: unknown, options: CallOptions = {}): Promise<unknown> {
    if (!this.#declared.has(procedure)) {
      throw new ThroughlineError(
        "BUS_PROCEDURE_UNDECLARED",
        `${this.#parts.service} does not declare that it calls ${procedure.name}.`,
        { details: { procedure: procedure.name } },
      );
    }
    await procedure.parseRequest(request);
    const body = JSON.stringify(request ?? null);
    const policy = options.policy ?? this.#policyOf(procedure);
    const outcome = await policy.execute(async ({ signal }) => {
      try {
        return { reply: await this.#ask(procedure, body, policy.timeoutMs, signal) };
      } catch (error) {
        if (isWorthAnotherTry(procedure, error)) {
          throw error;
        }
        // An answer, or something that must not be repeated: no failure for the policy.
        return { error };
      }
    }, options);
    if ("error" in outcome) {
      throw outcome.error;
    }
    return outcome.reply;
  }

  async #ask(procedure: AnyProcedureContract, body: string, timeoutMs: number, signal: AbortSignal): Promise<unknown> {
    const { tracing, connection, service } = this.#parts;
    const span = tracing.startCall(procedure);
    try {
      const { traceparent, tracestate } = traceHeadersOf(span);
      const waitMs = Math.min(timeoutMs, handlingScope.getStore()?.remainingMs?.() ?? timeoutMs);
      const headers = new Map([
        ["content-type", "application/json"],
        [procedureHeaders.deadlineMs, String(Math.max(1, Math.round(waitMs)))],
        [procedureHeaders.call, createEventId()],
        [procedureHeaders.source, `/${service}`],
        ["traceparent", traceparent],
      ]);
      if (tracestate !== undefined) {
        headers.set("tracestate", tracestate);
      }
      const request = { subject: procedure.subject, headers, body };
      const answer = await connection.request(request, { timeoutMs: waitMs, signal });
      return await readAnswer(procedure, answer.headers, answer.body);
    } catch (error) {
      recordFailure(span, error);
      throw error;
    } finally {
      span.end();
    }
  }

  #policyOf(procedure: AnyProcedureContract): Policy {
    let policy = this.#policies.get(procedure);
    if (policy === undefined) {
      const { timeoutMs, idempotent } = procedure;
      policy = definePolicy({ timeoutMs, retry: idempotent ? idempotentRetry : unheardRetry });
      this.#policies.set(procedure, policy);
    }
    return policy;
  }
}

function isWorthAnotherTry(procedure: AnyProcedureContract, error: unknown): boolean {
  if (error instanceof ProcedureError || (error instanceof ThroughlineError && !error.retryable)) {
    return false;
  }
  const wasUnheard = error instanceof ThroughlineError && error.code === "BUS_PROCEDURE_UNAVAILABLE";
  return wasUnheard || procedure.idempotent;
}
