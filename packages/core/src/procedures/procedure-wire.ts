// How questions and answers travel: JSON bodies, an error as problem details (RFC 9457) with the headers that NATS
// services use.

import {
  type AnyProcedureContract,
  type ErrorCode,
  errorCodes,
  ProcedureError,
  parseJsonBody,
  ThroughlineError,
  type WireHeaders,
} from "@throughline/contracts";

export const procedureHeaders = {
  /** How long the caller still waits, in ms. */
  deadlineMs: "throughline-deadline-ms",
  /** Names one call, so that it can be cancelled. */
  call: "throughline-call",
  source: "ce-source",
  errorCode: "nats-service-error-code",
  error: "nats-service-error",
} as const;

/** The part of RFC 9457 that is used, and what a declared error tells. */
interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly code: string;
  readonly data?: unknown;
}

export interface WireAnswer {
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

const statusOf: Partial<Record<ErrorCode, number>> = {
  CONTRACT_DATA_INVALID: 400,
  CONTRACT_BODY_INVALID: 400,
  BUS_CALL_CANCELLED: 499,
  BUS_PROCEDURE_UNAVAILABLE: 503,
  BUS_CALL_TIMEOUT: 504,
};
const declaredStatus = 422;
const internalStatus = 500;

export function writeReply(reply: unknown): WireAnswer {
  return { headers: new Map([["content-type", "application/json"]]), body: JSON.stringify(reply ?? null) };
}

/** What may be told: declared errors and the toolkit's own; of any other only that something failed. */
export function writeFailure(procedure: AnyProcedureContract, error: unknown): WireAnswer {
  const problem = describe(procedure, error);
  return {
    headers: new Map([
      ["content-type", "application/problem+json"],
      [procedureHeaders.errorCode, String(problem.status)],
      [procedureHeaders.error, problem.title],
    ]),
    body: JSON.stringify(problem),
  };
}

function describe(procedure: AnyProcedureContract, error: unknown): Problem {
  if (error instanceof ProcedureError && error.procedure === procedure.name && error.code in procedure.errors) {
    const { code, data, message } = error;
    const type = `urn:throughline:procedure:${procedure.name}:${code}`;
    return { type, title: code, status: declaredStatus, detail: message, code, data };
  }
  const status = error instanceof ThroughlineError ? statusOf[error.code] : undefined;
  if (error instanceof ThroughlineError && status !== undefined) {
    const type = `urn:throughline:error:${error.code}`;
    return { type, title: error.code, status, detail: error.message, code: error.code, data: error.details };
  }
  const code = "BUS_PROCEDURE_FAILED";
  return { type: `urn:throughline:error:${code}`, title: code, status: internalStatus, code };
}

/** The reply's data, checked. @throws ProcedureError, CONTRACT_…, BUS_PROCEDURE_FAILED, BUS_PROCEDURE_UNAVAILABLE, BUS_CALL_TIMEOUT */
export async function readAnswer(
  procedure: AnyProcedureContract,
  headers: WireHeaders,
  body: Uint8Array,
): Promise<unknown> {
  if (!headers.has(procedureHeaders.errorCode)) {
    return await procedure.parseReply(parseJsonBody(body));
  }
  const problem = readProblem(headers, body);
  const schema = procedure.errors[problem.code];
  if (problem.status === declaredStatus && schema !== undefined) {
    const result = await schema["~standard"].validate(problem.data);
    throw new ProcedureError(
      procedure.name,
      problem.code,
      result.issues === undefined ? result.value : problem.data,
      problem.detail,
    );
  }
  const isKnown = problem.code in errorCodes && statusOf[problem.code as ErrorCode] !== undefined;
  const code = isKnown ? (problem.code as ErrorCode) : "BUS_PROCEDURE_FAILED";
  const text = problem.detail ?? `${procedure.name} answers ${problem.status} ${problem.title}`;
  throw new ThroughlineError(code, text, { details: { procedure: procedure.name, status: problem.status } });
}

/** Answers of other services may be no problem details: their headers still say what they say. */
function readProblem(headers: WireHeaders, body: Uint8Array): Problem {
  const status = Number(headers.get(procedureHeaders.errorCode)) || internalStatus;
  const title = headers.get(procedureHeaders.error) ?? "error";
  try {
    const found = parseJsonBody(body);
    if (typeof found === "object" && found !== null && "code" in found && typeof found.code === "string") {
      return { type: "about:blank", title, ...found, status, code: found.code } as Problem;
    }
  } catch {
    // What the headers say is enough.
  }
  return { type: "about:blank", title, status, code: title };
}
