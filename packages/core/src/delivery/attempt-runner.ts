// One attempt of one event: a span, the event read and checked, the handler called, and exactly one outcome told.

import type { Span } from "@opentelemetry/api";
import { ThroughlineError } from "@throughline/contracts";
import type { Clock } from "../clock.ts";
import type { ProcedureClient } from "../procedures/procedure-client.ts";
import type { EventPublisher } from "../publishing/event-publisher.ts";
import type { Fence, Subscription } from "../service.ts";
import type { StoreConnection } from "../store.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { ProcessMetrics } from "../telemetry/operation-metrics.ts";
import { errorType, recordFailure, type Tracing } from "../telemetry/tracing.ts";
import { AttemptContext, type AttemptParts, callHandler, type ReadableEvent, readDelivery } from "./event-handling.ts";
import type { Handling } from "./handling.ts";

export interface AttemptRunnerParts {
  readonly subscription: Subscription;
  /** Where handlers work in transactions. */
  readonly store?: StoreConnection | undefined;
  readonly publisher: EventPublisher;
  readonly client: ProcedureClient;
  readonly tracing: Tracing;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly operations: ProcessMetrics;
  /** Of a partition: whether this instance still has it (if not, it is abandoned), and the number that says since when. */
  readonly ownership?: { readonly fence: Fence; readonly isValid: () => boolean };
}

/** Who is told how an attempt went. A failed one's span is still open. */
export interface AttemptListener {
  succeeded(handling: Handling): void;
  failed(handling: Handling, span: Span, error: unknown, unreadable: boolean): void;
  crashedRepeatedly(handling: Handling, span: Span, error: Error): void;
}

export class AttemptRunner {
  readonly #parts: AttemptRunnerParts;
  readonly #listener: AttemptListener;
  readonly #shared: AttemptParts;

  constructor(parts: AttemptRunnerParts, listener: AttemptListener) {
    const { subscription, store, publisher, client, clock, logger, ownership } = parts;
    this.#parts = parts;
    this.#listener = listener;
    const { durable } = subscription;
    this.#shared = { durable, store, publisher, client, clock, logger, fence: ownership?.fence };
  }

  readonly run = (handling: Handling): void => {
    const { subscription, tracing } = this.#parts;
    const { delivery } = handling;
    const span = tracing.startProcess(handling.type, subscription.durable, delivery, handling.attempt);
    if (handling.killsItsProcess) {
      const error = new ThroughlineError(
        "BUS_ATTEMPTS_EXHAUSTED",
        `It began ${handling.starts} times, at last with no other handler beside it, and each time its process died.`,
      );
      recordFailure(span, error);
      this.#listener.crashedRepeatedly(handling, span, error);
      return;
    }
    try {
      const event = readDelivery(delivery, subscription);
      if (event instanceof Promise) {
        event.then(
          (readable) => this.#handle(handling, readable, span),
          (error: unknown) => this.#listener.failed(handling, span, error, true),
        );
      } else {
        this.#handle(handling, event, span);
      }
    } catch (error) {
      this.#listener.failed(handling, span, error, true);
    }
  };

  /** Ends an attempt from outside: its handler is told, and whatever it still does has no say any more. */
  expire(handling: Handling, error: ThroughlineError): void {
    const { running } = handling;
    if (running !== undefined) {
      running.abort(error);
      this.#failed(handling, running, error);
    }
  }

  #handle(handling: Handling, { envelope, data }: ReadableEvent, span: Span): void {
    const { subscription, store, tracing, clock } = this.#parts;
    const { message } = handling.delivery;
    tracing.describeProcess(span, envelope, message.body.length);
    const deadlineMs = clock.now() + subscription.policy.timeoutMs;
    const context = new AttemptContext(this.#shared, envelope, handling, deadlineMs, span);
    handling.running = context;
    try {
      const result = callHandler(subscription, data, context, store, () => handling.running === context);
      if (isPromiseLike(result)) {
        result.then(
          () => this.#succeeded(handling, context),
          (error: unknown) => this.#failed(handling, context, error),
        );
      } else {
        this.#succeeded(handling, context);
      }
    } catch (error) {
      this.#failed(handling, context, error);
    }
  }

  #succeeded(handling: Handling, context: AttemptContext): void {
    if (handling.running === context) {
      handling.running = undefined;
      context.span.end();
      this.#parts.operations.processed(handling.type, performance.now() - context.startedAtMs);
      this.#listener.succeeded(handling);
    }
  }

  #failed(handling: Handling, context: AttemptContext, error: unknown): void {
    if (handling.running === context) {
      handling.running = undefined;
      this.#parts.operations.processed(handling.type, performance.now() - context.startedAtMs, errorType(error));
      this.#listener.failed(handling, context.span, error, false);
    }
  }
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
