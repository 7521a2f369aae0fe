// Takes what is redriven to a service and hands each event to the one subscription that it is for. Begins after the
// service is ready, so that no start waits for it.

import type { Clock } from "../clock.ts";
import { readRedrive, redriveStream, redriveTopology } from "../dead-letters/redrive-message.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Consumption, Delivery, TransportConnection } from "../transport.ts";
import type { Runner } from "./runner.ts";
import { ackWaitMs } from "./subscription-topology.ts";

const concurrency = 16;
/** What a subscription gives back, because it stops or its circuit is open, comes again after this long. */
const giveBackDelayMs = 2_000;

export class RedriveIntake {
  readonly #connection: TransportConnection;
  readonly #runners: ReadonlyMap<string, Runner>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Sequences whose credit is out. */
  readonly #open = new Set<number>();
  #consumption: Consumption | undefined;

  constructor(
    connection: TransportConnection,
    runners: ReadonlyMap<string, Runner>,
    { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  ) {
    this.#connection = connection;
    this.#runners = runners;
    this.#clock = clock;
    this.#logger = logger;
  }

  async start(service: string): Promise<void> {
    const topology = redriveTopology(service, ackWaitMs);
    await this.#connection.provision({ streams: [redriveStream], subscriptions: [topology] });
    this.#consumption = await this.#connection.consume(topology, {
      onDelivery: (delivery) => this.#accept(delivery),
      onReplay: () => undefined,
    });
    this.#consumption.grant(concurrency);
  }

  async stop(): Promise<void> {
    await this.#consumption?.stop();
  }

  #accept(delivery: Delivery): void {
    const { sequence } = delivery.storedAt;
    const redrive = readRedrive(delivery.message);
    const runner = redrive && this.#runners.get(redrive.subscription);
    if (redrive === undefined || runner === undefined) {
      // A version of the service that has this subscription may run elsewhere, or come back.
      this.#logger.warn({ subject: delivery.message.subject }, "redriven to a subscription that does not run here");
      delivery.retry(giveBackDelayMs);
      this.#clock.schedule(giveBackDelayMs, () => this.#consumption?.grant(1));
      return;
    }
    if (this.#open.has(sequence)) {
      this.#consumption?.grant(1);
    }
    this.#open.add(sequence);
    const close = (answer: () => void) => {
      answer();
      if (this.#open.delete(sequence)) {
        this.#consumption?.grant(1);
      }
    };
    runner.acceptRedriven({
      message: redrive.event,
      storedAt: delivery.storedAt,
      consumerSequence: delivery.consumerSequence,
      attempt: delivery.attempt,
      acknowledge: () => close(() => delivery.acknowledge()),
      terminate: (reason) => close(() => delivery.terminate(reason)),
      extend: () => delivery.extend(),
      retry: (delayMs) => close(() => delivery.retry(Math.max(delayMs, giveBackDelayMs))),
    });
  }
}
