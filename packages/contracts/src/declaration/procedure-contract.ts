// What one service asks another and waits for: a name, a request, a reply, and the errors that are part of the answer.

import type { StandardSchemaV1 } from "@standard-schema/spec";
import { parseEventType } from "../wire/event-subject.ts";
import { validateValue } from "./schema-validation.ts";

type ErrorSchemas = Readonly<Record<string, StandardSchemaV1>>;

/** A typed question. `Input` is what one side hands over and what travels as JSON, `Output` what the other side gets. */
export interface ProcedureContract<
  Name extends string = string,
  RequestInput = unknown,
  RequestOutput = unknown,
  ReplyInput = unknown,
  ReplyOutput = unknown,
  Errors extends ErrorSchemas = ErrorSchemas,
> {
  readonly name: Name;
  /** The bounded context: the first token of the name. */
  readonly context: string;
  /** Outside of every event stream: `rpc.<context>.<procedure>`. */
  readonly subject: string;
  /** How long a caller waits unless it says otherwise. */
  readonly timeoutMs: number;
  /** Whether asking twice does no more than asking once: only then is a call without an answer tried again. */
  readonly idempotent: boolean;
  readonly errors: Errors;
  readonly requestSchema: StandardSchemaV1;
  readonly replySchema: StandardSchemaV1;
  /** @throws CONTRACT_DATA_INVALID */
  parseRequest(data: unknown): RequestOutput | Promise<RequestOutput>;
  /** @throws CONTRACT_DATA_INVALID */
  parseReply(data: unknown): ReplyOutput | Promise<ReplyOutput>;
  /** Carries the types for inference only; has no value. */
  readonly types?: {
    readonly requestInput: RequestInput;
    readonly requestOutput: RequestOutput;
    readonly replyInput: ReplyInput;
    readonly replyOutput: ReplyOutput;
  };
}

/** Any procedure, whatever it asks. */
// biome-ignore lint/suspicious/noExplicitAny: the types are read from `types`, which `any` leaves open.
export type AnyProcedureContract = ProcedureContract<string, any, any, any, any, any>;

/** What a caller hands over. */
export type ProcedureRequest<Procedure extends AnyProcedureContract> = NonNullable<Procedure["types"]>["requestInput"];
/** What a handler gets. */
export type ProcedureRequestData<Procedure extends AnyProcedureContract> = NonNullable<
  Procedure["types"]
>["requestOutput"];
/** What a handler returns. */
export type ProcedureReply<Procedure extends AnyProcedureContract> = NonNullable<Procedure["types"]>["replyInput"];
/** What a caller gets. */
export type ProcedureReplyData<Procedure extends AnyProcedureContract> = NonNullable<Procedure["types"]>["replyOutput"];

export interface ProcedureOptions<
  Request extends StandardSchemaV1,
  Reply extends StandardSchemaV1,
  Errors extends ErrorSchemas,
> {
  readonly request: Request;
  readonly reply: Reply;
  /** Answers that are no success, by their kebab-case codes, with what each tells. */
  readonly errors?: Errors;
  /** Default 5,000 ms. */
  readonly timeoutMs?: number;
  /** Default false: a call whose answer got lost is not repeated. */
  readonly idempotent?: boolean;
}

/**
 * Declares a procedure by its name, `<context>.<procedure>` in lower-case kebab-case.
 * @throws CONTRACT_NAME_INVALID
 */
export function defineProcedure<
  const Name extends `${string}.${string}`,
  Request extends StandardSchemaV1,
  Reply extends StandardSchemaV1,
  const Errors extends ErrorSchemas = Readonly<Record<never, never>>,
>(
  name: Name,
  options: ProcedureOptions<Request, Reply, Errors>,
): ProcedureContract<
  Name,
  StandardSchemaV1.InferInput<Request>,
  StandardSchemaV1.InferOutput<Request>,
  StandardSchemaV1.InferInput<Reply>,
  StandardSchemaV1.InferOutput<Reply>,
  Errors
> {
  const { context } = parseEventType(name);
  return {
    name,
    context,
    subject: `rpc.${name}`,
    timeoutMs: options.timeoutMs ?? 5_000,
    idempotent: options.idempotent ?? false,
    errors: options.errors ?? ({} as Errors),
    requestSchema: options.request,
    replySchema: options.reply,
    parseRequest: (data) => validateValue(`the request of ${name}`, options.request, data, { procedure: name }),
    parseReply: (data) => validateValue(`the reply of ${name}`, options.reply, data, { procedure: name }),
  };
}

/** The codes of a procedure's errors, each with its data. */
export type ProcedureFailure<Procedure extends AnyProcedureContract> =
  Procedure extends ProcedureContract<string, unknown, unknown, unknown, unknown, infer Errors>
    ? {
        [Code in keyof Errors & string]: ProcedureError<Code, StandardSchemaV1.InferOutput<Errors[Code]>>;
      }[keyof Errors & string]
    : never;

/** An answer that is no success. Thrown by the handler, it reaches the caller as what it is. */
export class ProcedureError<Code extends string = string, Data = unknown> extends Error {
  override readonly name = "ProcedureError";
  readonly procedure: string;
  readonly code: Code;
  readonly data: Data;

  constructor(procedure: string, code: Code, data: Data, message = `${procedure} answers ${code}`) {
    super(message);
    this.procedure = procedure;
    this.code = code;
    this.data = data;
  }
}

/** The error to throw where a procedure's answer is no success. Code and data are checked against its declaration. */
export function failWith<Procedure extends AnyProcedureContract, Code extends keyof Procedure["errors"] & string>(
  procedure: Procedure,
  code: Code,
  data: StandardSchemaV1.InferInput<Procedure["errors"][Code]>,
): ProcedureError<Code, StandardSchemaV1.InferInput<Procedure["errors"][Code]>> {
  return new ProcedureError(procedure.name, code, data);
}

/** Whether this is one of the errors that the procedure declares; then `error.code` tells which. */
export function isFailureOf<Procedure extends AnyProcedureContract>(
  procedure: Procedure,
  error: unknown,
): error is ProcedureFailure<Procedure> {
  return error instanceof ProcedureError && error.procedure === procedure.name && error.code in procedure.errors;
}
