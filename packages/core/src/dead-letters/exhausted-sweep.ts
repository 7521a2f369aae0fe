// Events whose deliveries somebody else limited can run out of them while nobody is there: the broker then says so once
// and leaves the message where it is. This turns each into a dead letter.

import { ThroughlineError } from "@throughline/contracts";
import type { Clock } from "../clock.ts";
import type { Subscription } from "../service.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { TransportConnection } from "../transport.ts";
import { storeDeadLetter } from "./dead-letter.ts";

export class ExhaustedSweep {
  readonly #service: string;
  readonly #subscriptions: ReadonlyMap<string, Subscription>;
  readonly #connection: TransportConnection;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #watch: { stop(): Promise<void> } | undefined;

  constructor(
    service: string,
    subscriptions: readonly Subscription[],
    parts: { readonly connection: TransportConnection; readonly clock: Clock; readonly logger: Logger },
  ) {
    this.#service = service;
    this.#subscriptions = new Map(subscriptions.map((subscription) => [subscription.durable, subscription]));
    this.#connection = parts.connection;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
  }

  async start(): Promise<void> {
    this.#watch = await this.#connection.watchExhausted?.(
      [...this.#subscriptions.keys()],
      async (durable, event, deliveries) => {
        const subscription = this.#subscriptions.get(durable);
        if (subscription === undefined) {
          return;
        }
        await storeDeadLetter(this.#connection, event, {
          service: this.#service,
          subscription: subscription.name,
          reason: "deliveries-exhausted",
          error: new ThroughlineError(
            "BUS_ATTEMPTS_EXHAUSTED",
            `The broker gave up after ${deliveries} deliveries, as its durable consumer ${durable} says (max_deliver).`,
          ),
          attempts: deliveries,
          firstFailureMs: this.#clock.now(),
        });
        this.#logger.error({ durable, streamSequence: event.storedAt.sequence, deliveries }, "dead-lettered");
      },
    );
  }

  async stop(): Promise<void> {
    await this.#watch?.stop();
  }
}
