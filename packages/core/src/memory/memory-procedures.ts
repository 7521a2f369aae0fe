// Questions and answers within one process.

import { ThroughlineError, type WireMessage } from "@throughline/contracts";
import type { IncomingRequest, ServedEndpoint, TransportConnection } from "../transport.ts";

type OnRequest = (request: IncomingRequest) => void;

export class MemoryProcedures {
  /** Who serves a subject; they take turns. */
  readonly #servers = new Map<string, OnRequest[]>();

  serve(endpoints: readonly ServedEndpoint[], onRequest: OnRequest): { stop(): Promise<void> } {
    for (const { subject } of endpoints) {
      this.#servers.set(subject, [...(this.#servers.get(subject) ?? []), onRequest]);
    }
    return {
      stop: async () => {
        for (const { subject } of endpoints) {
          const others = (this.#servers.get(subject) ?? []).filter((server) => server !== onRequest);
          this.#servers.set(subject, others);
        }
      },
    };
  }

  readonly request: TransportConnection["request"] = ({ subject, headers, body }, { timeoutMs, signal }) => {
    const servers = this.#servers.get(subject) ?? [];
    const server = servers.shift();
    if (server === undefined) {
      return Promise.reject(new ThroughlineError("BUS_PROCEDURE_UNAVAILABLE", `Nobody serves ${subject}.`));
    }
    servers.push(server);
    return new Promise((resolve, reject) => {
      const cancellations: (() => void)[] = [];
      const cancel = () => {
        clearTimeout(timer);
        reject(signal.reason);
        for (const tell of cancellations) {
          tell();
        }
      };
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", cancel);
        reject(new ThroughlineError("BUS_CALL_TIMEOUT", `No answer to ${subject} within ${timeoutMs} ms.`));
      }, timeoutMs);
      signal.addEventListener("abort", cancel, { once: true });
      const message: WireMessage = { subject, headers: new Map(headers), body: Buffer.from(body) };
      setImmediate(() =>
        server({
          message,
          onCancel: (tell) => cancellations.push(tell),
          respond: (answerHeaders, answer) => {
            clearTimeout(timer);
            signal.removeEventListener("abort", cancel);
            resolve({ headers: new Map(answerHeaders), body: Buffer.from(answer) });
          },
        }),
      );
    });
  };
}
