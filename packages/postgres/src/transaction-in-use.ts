// The transaction as a handler sees it: usable until the handler returns, and refused afterwards.

import { ThroughlineError } from "@throughline/contracts";
import type { OutgoingMessage, SqlTransaction, UnitOfWork } from "@throughline/core";
import type { PooledClient } from "./connection-pool.ts";

export class TransactionInUse implements UnitOfWork {
  readonly tx: SqlTransaction;
  readonly #messages: OutgoingMessage[] = [];
  #isOver = false;

  constructor(client: PooledClient) {
    this.tx = new Proxy(client, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target) as unknown;
        if (name !== "query" || typeof value !== "function") {
          return value;
        }
        return (...args: unknown[]) => {
          this.#requireOpen();
          return value.apply(target, args) as unknown;
        };
      },
    });
  }

  /** Written with all others right before the commit. */
  readonly enqueue = async (message: OutgoingMessage): Promise<void> => {
    this.#requireOpen();
    this.#messages.push(message);
  };

  end(): readonly OutgoingMessage[] {
    this.#isOver = true;
    return this.#messages;
  }

  #requireOpen(): void {
    if (this.#isOver) {
      throw new ThroughlineError(
        "STORE_TRANSACTION_INVALID",
        "The transaction is over: await everything in the handler.",
      );
    }
  }
}
