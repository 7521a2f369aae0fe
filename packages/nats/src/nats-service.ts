// Serves endpoints as a NATS service: instances share the questions through a queue group, and answer `$SRV.PING`, `INFO`
// and `STATS`, so that `nats service list` and others find them.
// @see https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-32.md

import { randomUUID } from "node:crypto";
import type { Msg, NatsConnection, Subscription } from "@nats-io/nats-core";
import type { IncomingRequest, ServedEndpoint } from "@throughline/core";
import { cancelSubjectOf, OpenRequests } from "./request-reply.ts";
import { waitAtMost } from "./wait-at-most.ts";

const queue = "q";
const version = "1.0.0";
const drainTimeoutMs = 1_000;
const nanosPerMs = 1_000_000;
const maxErrorLength = 200;

interface EndpointStats {
  requests: number;
  errors: number;
  lastError: string;
  processingMs: number;
}

export interface ServiceParts {
  readonly connection: NatsConnection;
  readonly service: string;
  readonly endpoints: readonly ServedEndpoint[];
  readonly onRequest: (request: IncomingRequest) => void;
}

export class NatsService {
  readonly #parts: ServiceParts;
  readonly #id = randomUUID();
  readonly #started = new Date().toISOString();
  readonly #stats = new Map<ServedEndpoint, EndpointStats>();
  readonly #open = new OpenRequests();
  readonly #served: Subscription[];
  readonly #discovery: Subscription[];

  constructor(parts: ServiceParts) {
    this.#parts = parts;
    const { endpoints } = parts;
    this.#served = endpoints.map((endpoint) => {
      this.#stats.set(endpoint, { requests: 0, errors: 0, lastError: "", processingMs: 0 });
      return this.#listen(endpoint.subject, (message) => this.#accept(endpoint, message), queue);
    });
    this.#discovery = [
      ...endpoints.map(({ subject }) =>
        this.#listen(cancelSubjectOf(subject), (message) => this.#open.cancel(message.string())),
      ),
      ...this.#answer("PING", () => this.#describe("ping_response")),
      ...this.#answer("INFO", () => this.#info()),
      ...this.#answer("STATS", () => this.#statistics()),
    ];
  }

  /** Takes no more questions; cancellations of those that it has still arrive until the connection closes. */
  async stop(): Promise<void> {
    if (!this.#parts.connection.isClosed()) {
      const draining = this.#served.map((subscription) => subscription.drain());
      await waitAtMost(drainTimeoutMs, Promise.all(draining));
    }
  }

  /** Leaves the list of services. */
  leave(): void {
    for (const subscription of this.#discovery) {
      subscription.unsubscribe();
    }
  }

  #listen(subject: string, onMessage: (message: Msg) => void, group?: string): Subscription {
    return this.#parts.connection.subscribe(subject, {
      ...(group === undefined ? undefined : { queue: group }),
      callback: (error, message) => {
        if (error === null) {
          onMessage(message);
        }
      },
    });
  }

  #accept(endpoint: ServedEndpoint, message: Msg): void {
    const stats = this.#stats.get(endpoint);
    const begun = performance.now();
    const request = this.#open.open(message, (failure) => {
      if (stats !== undefined) {
        stats.processingMs += performance.now() - begun;
        if (failure !== undefined) {
          stats.errors++;
          stats.lastError = String(failure).slice(0, maxErrorLength);
        }
      }
    });
    if (stats !== undefined) {
      stats.requests++;
    }
    this.#parts.onRequest(request);
  }

  #answer(verb: string, describe: () => object): Subscription[] {
    const { service } = this.#parts;
    const subjects = [`$SRV.${verb}`, `$SRV.${verb}.${service}`, `$SRV.${verb}.${service}.${this.#id}`];
    return subjects.map((subject) => this.#listen(subject, (message) => message.respond(JSON.stringify(describe()))));
  }

  #describe(kind: string): object {
    const type = `io.nats.micro.v1.${kind}`;
    return { type, name: this.#parts.service, id: this.#id, version, metadata: {} };
  }

  #info(): object {
    const endpoints = this.#parts.endpoints.map(({ name, subject }) => ({
      name: endpointName(name),
      subject,
      queue_group: queue,
      metadata: { procedure: name },
    }));
    return { ...this.#describe("info_response"), description: "", endpoints };
  }

  #statistics(): object {
    const endpoints = [...this.#stats].map(([{ name, subject }, { requests, errors, lastError, processingMs }]) => ({
      name: endpointName(name),
      subject,
      queue_group: queue,
      num_requests: requests,
      num_errors: errors,
      last_error: lastError,
      processing_time: Math.round(processingMs * nanosPerMs),
      average_processing_time: requests === 0 ? 0 : Math.round((processingMs / requests) * nanosPerMs),
    }));
    return { ...this.#describe("stats_response"), started: this.#started, endpoints };
  }
}

/** Names of endpoints hold no dots. */
function endpointName(procedure: string): string {
  return procedure.replaceAll(".", "-");
}
