// Answers what other services ask: each question with a deadline, within a bound, and stopped when nobody waits any more.

import type { Span } from "@opentelemetry/api";
import { type AnyProcedureContract, parseJsonBody, ThroughlineError } from "@throughline/contracts";
import type { Clock } from "../clock.ts";
import { handlingScope } from "../policies/handling-scope.ts";
import type { PublishEntry } from "../publishing/event-batch.ts";
import type { EventPublisher } from "../publishing/event-publisher.ts";
import type { ProcedureContext, ServedProcedure } from "../service.ts";
import type { Logger } from "../telemetry/logger.ts";
import { contextOfSpan, recordFailure, runInContext, type Tracing } from "../telemetry/tracing.ts";
import type { IncomingRequest, TransportConnection } from "../transport.ts";
import type { ProcedureClient } from "./procedure-client.ts";
import { procedureHeaders, writeFailure, writeReply } from "./procedure-wire.ts";

export interface ServerParts {
  readonly service: string;
  readonly procedures: readonly ServedProcedure[];
  readonly connection: TransportConnection;
  readonly publisher: EventPublisher;
  readonly client: ProcedureClient;
  readonly tracing: Tracing;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Running {
  abort(reason: ThroughlineError): void;
}

export class ProcedureServer {
  readonly #parts: ServerParts;
  readonly #procedures: ReadonlyMap<string, ServedProcedure>;
  readonly #running = new Map<ServedProcedure, Set<Running>>();
  #endpoints: { stop(): Promise<void> } | undefined;
  #whenIdle: (() => void) | undefined;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    this.#procedures = new Map(parts.procedures.map((served) => [served.procedure.subject, served]));
  }

  async start(): Promise<void> {
    const { service, connection } = this.#parts;
    if (this.#procedures.size > 0) {
      const endpoints = [...this.#procedures.values()].map(({ procedure: { name, subject } }) => ({ name, subject }));
      this.#endpoints = await connection.serve({ service, endpoints }, (request) => this.#accept(request));
    }
  }

  /** Takes no more questions, and finishes those that it has. */
  async stop(graceMs: number): Promise<void> {
    await this.#endpoints?.stop();
    const all = () => [...this.#running.values()].flatMap((some) => [...some]);
    if (all().length === 0) {
      return;
    }
    await new Promise<void>((resolve) => {
      const cancel = this.#parts.clock.schedule(graceMs, () => {
        for (const running of all()) {
          running.abort(new ThroughlineError("BUS_STOPPED", "The service stopped before the answer was there."));
        }
        resolve();
      });
      this.#whenIdle = () => {
        cancel();
        resolve();
      };
    });
  }

  #accept(request: IncomingRequest): void {
    const served = this.#procedures.get(request.message.subject);
    if (served === undefined) {
      return;
    }
    const running = this.#running.get(served) ?? new Set();
    this.#running.set(served, running);
    const { procedure, concurrency } = served;
    if (running.size >= concurrency) {
      const full = `${procedure.name} answers ${concurrency} questions already, as many as it may.`;
      const answer = writeFailure(procedure, new ThroughlineError("BUS_PROCEDURE_UNAVAILABLE", full));
      request.respond(answer.headers, answer.body);
      return;
    }
    void this.#answer(served, request, running);
  }

  async #answer(served: ServedProcedure, request: IncomingRequest, all: Set<Running>): Promise<void> {
    const { tracing, clock, logger } = this.#parts;
    const { procedure, policy } = served;
    const span = tracing.startServe(procedure, request.message.headers);
    const log = logger.child({ procedure: procedure.name, traceId: span.spanContext().traceId });
    const controller = new AbortController();
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    aborted.catch(() => undefined);
    const running: Running = {
      abort: (reason) => {
        controller.abort(reason);
        reject(reason);
      },
    };
    all.add(running);
    const waitMs = Math.min(policy.timeoutMs, readDeadline(request) ?? policy.timeoutMs);
    const deadlineMs = clock.now() + waitMs;
    const cancelTimer = clock.schedule(waitMs, () =>
      running.abort(new ThroughlineError("BUS_CALL_TIMEOUT", `${procedure.name} took longer than ${waitMs} ms.`)),
    );
    request.onCancel(() =>
      running.abort(new ThroughlineError("BUS_CALL_CANCELLED", `The caller of ${procedure.name} no longer waits.`)),
    );
    try {
      const work = this.#handle(served, request, { span, log, controller, deadlineMs });
      const { headers, body } = writeReply(await Promise.race([work, aborted]));
      request.respond(headers, body);
    } catch (error) {
      recordFailure(span, error);
      const { headers, body } = writeFailure(procedure, error);
      request.respond(headers, body, error);
      this.#logFailure(log, procedure, error);
    } finally {
      cancelTimer();
      span.end();
      all.delete(running);
      if ([...this.#running.values()].every(({ size }) => size === 0)) {
        this.#whenIdle?.();
      }
    }
  }

  async #handle(
    { procedure, handler }: ServedProcedure,
    { message }: IncomingRequest,
    parts: { span: Span; log: Logger; controller: AbortController; deadlineMs: number },
  ): Promise<unknown> {
    const { publisher, client, clock } = this.#parts;
    const { span, log, controller, deadlineMs } = parts;
    const data = await procedure.parseRequest(parseJsonBody(message.body));
    const context: ProcedureContext = {
      signal: controller.signal,
      log,
      deadlineMs,
      headers: message.headers,
      publish: (contract, event, options) => publisher.publish(contract, event, options) as never,
      publishAll: (events, options) => publisher.publishAll(events as readonly PublishEntry[], options),
      call: (other, request, options) => client.call(other, request, options) as never,
    };
    const scope = { signal: controller.signal, remainingMs: () => deadlineMs - clock.now() };
    const reply: unknown = await handlingScope.run(scope, () =>
      runInContext(contextOfSpan(span), () => handler(data, context)),
    );
    try {
      // What is promised is checked here, where it can be mended; callers check what they read.
      await procedure.parseReply(reply);
    } catch (cause) {
      throw new Error(`the reply of ${procedure.name} breaks its own contract`, { cause });
    }
    return reply;
  }

  #logFailure(log: Logger, procedure: AnyProcedureContract, error: unknown): void {
    const code = (error as { code?: string }).code ?? "";
    if (code in procedure.errors || code.startsWith("CONTRACT_") || code === "BUS_CALL_CANCELLED") {
      log.info({ code }, "answered with an error that the caller knows");
    } else {
      log.error({ err: error }, "could not answer");
    }
  }
}

function readDeadline({ message }: IncomingRequest): number | undefined {
  const value = Number(message.headers.get(procedureHeaders.deadlineMs));
  return Number.isFinite(value) && value > 0 ? value : undefined;
}
