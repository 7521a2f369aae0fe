// Puts a faulty network, and a process that can pause and die, between a service and the memory broker.

import {
  type Consumption,
  type ConsumptionListener,
  type Delivery,
  type OutgoingMessage,
  type PublishReceipt,
  redriveStream,
  type SubscriptionTopology,
  type Topology,
  type Transport,
  type TransportConnection,
} from "@throughline/core";
import type { Ledger } from "./ledger.ts";
import type { SimulatedNetwork } from "./simulated-network.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

/** A bug put in on purpose, to see whether the simulation finds it. */
export type PlantedBug =
  /** Acknowledges what arrives before it is handled. */
  | "acknowledges-early"
  /** Handles events of one key side by side. */
  | "ignores-keys"
  /** Forgets to ask for more now and then. */
  | "loses-credits"
  /** Believes that a dead letter is stored which is not. */
  | "loses-dead-letters";

export interface SimulationParts {
  readonly broker: Transport;
  readonly process: SimulatedProcess;
  readonly network: SimulatedNetwork;
  readonly ledger: Ledger;
  /** How long the broker waits for an answer, whatever the service asked for. */
  readonly ackWaitMs: number;
  readonly plantedBug: PlantedBug | undefined;
}

const publishRetryMs = 400;
/** After this long a request for messages that got lost on their way is made again. */
const requestExpiresMs = 5_000;

export function createSimulatedTransport(parts: SimulationParts): Transport {
  return {
    async connect(options) {
      return new SimulatedConnection(parts, await parts.broker.connect(options));
    },
  };
}

class SimulatedConnection implements TransportConnection {
  readonly peer: TransportConnection["peer"];
  readonly #parts: SimulationParts;
  readonly #broker: TransportConnection;
  /** The last publication of each order key; the next one waits for it. */
  readonly #lastOfKey = new Map<string, Promise<unknown>>();

  constructor(parts: SimulationParts, broker: TransportConnection) {
    this.#parts = parts;
    this.#broker = broker;
    this.peer = broker.peer;
  }

  provision({ streams, subscriptions }: Topology): Promise<void> {
    const { ackWaitMs } = this.#parts;
    return this.#broker.provision({
      streams,
      subscriptions: subscriptions.map((subscription) => ({ ...subscription, ackWaitMs })),
    });
  }

  supports: TransportConnection["supports"] = (feature) => feature === "fleet-pause";
  publishAtomically: TransportConnection["publishAtomically"] = () => Promise.reject(new Error("not simulated"));
  cancelSchedule: TransportConnection["cancelSchedule"] = () => Promise.reject(new Error("not simulated"));
  consumePartition: TransportConnection["consumePartition"] = () => Promise.reject(new Error("not simulated"));

  request: TransportConnection["request"] = () => Promise.reject(new Error("not simulated"));
  serve: TransportConnection["serve"] = () => Promise.reject(new Error("not simulated"));

  get leases(): TransportConnection["leases"] {
    return this.#broker.leases;
  }

  get stored(): TransportConnection["stored"] {
    return this.#broker.stored;
  }

  /** Reliable, and as late as anything else. */
  readonly attempts: TransportConnection["attempts"] = {
    read: (durable, event) => this.#travel(() => this.#broker.attempts.read(durable, event)),
    write: (durable, event, record) => this.#travel(() => this.#broker.attempts.write(durable, event, record)),
  };
  health: TransportConnection["health"] = () => ({ connected: true });

  publish(message: OutgoingMessage): Promise<PublishReceipt> {
    if (this.#parts.plantedBug === "loses-dead-letters" && message.subject.startsWith("dead.")) {
      return Promise.resolve({ stream: "DEAD_LETTERS", sequence: 0, duplicate: false });
    }
    const key = message.orderKey ?? message.messageId;
    const before = this.#lastOfKey.get(key) ?? Promise.resolve();
    const publication = before.then(() => this.#publishNow(message));
    this.#lastOfKey.set(key, publication);
    return publication;
  }

  async consume(subscription: SubscriptionTopology, listener: ConsumptionListener): Promise<Consumption> {
    const { process, network, ledger, plantedBug } = this.#parts;
    if (subscription.stream === redriveStream.name) {
      // Nothing is redriven here.
      return await this.#broker.consume(subscription, listener);
    }
    const link = `${process.name} ${subscription.durable}`;
    let grants = 0;
    /** Requests made before a pause are void. */
    let pauses = 0;
    const consumption = await this.#broker.consume(subscription, {
      onReplay: () => process.run(() => listener.onReplay()),
      onDelivery: (delivery) => {
        ledger.sent(process.name);
        const arrive = () =>
          process.run(() => {
            ledger.arrived(process.name, delivery);
            listener.onDelivery(this.#wrap(delivery));
          });
        const before = pauses;
        const askAgain = () => network.sendReliably(link, () => grant(1, before));
        network.send(`${link} down`, arrive, () => process.clock.schedule(requestExpiresMs, askAgain));
      },
    });
    const grant = (count: number, before = pauses) => {
      if (process.isAlive && before === pauses) {
        ledger.granted(process.name, count);
        consumption.grant(count);
      }
    };
    process.onKill(() => void consumption.stop());
    return {
      grant: (count) => {
        grants++;
        if (plantedBug !== "loses-credits" || grants % 5 !== 0) {
          const before = pauses;
          network.sendReliably(link, () => grant(count, before));
        }
      },
      pause: async () => {
        pauses++;
        await consumption.pause();
        await new Promise<void>((resolve) => process.clock.schedule(2 * network.maxDelayMs + 1, resolve));
        ledger.creditsVoid(process.name);
      },
      resume: () => consumption.resume(),
      holdFleet: (forMs) => consumption.holdFleet(forMs),
      releaseFleet: () => consumption.releaseFleet(),
      stop: async () => {
        await consumption.stop();
        // What is on its way still arrives.
        await new Promise<void>((resolve) => process.clock.schedule(2 * network.maxDelayMs + 1, resolve));
      },
      health: () => consumption.health(),
    };
  }

  close(): Promise<void> {
    return this.#broker.close();
  }

  #travel<Result>(request: () => Promise<Result>): Promise<Result> {
    const { process, network } = this.#parts;
    return new Promise((resolve, reject) => {
      network.sendReliably(`${process.name} up`, () => {
        request().then(
          (result) => network.sendReliably(`${process.name} down`, () => process.run(() => resolve(result))),
          reject,
        );
      });
    });
  }

  #publishNow(message: OutgoingMessage): Promise<PublishReceipt> {
    const { process, network } = this.#parts;
    return new Promise((resolve, reject) => {
      let isConfirmed = false;
      const attempt = () => {
        if (isConfirmed) {
          return;
        }
        network.sendRepeatable(`${process.name} up`, () => {
          this.#broker.publish(message).then(
            (receipt) =>
              network.send(`${process.name} down`, () =>
                process.run(() => {
                  isConfirmed = true;
                  resolve(receipt);
                }),
              ),
            reject,
          );
        });
        process.clock.schedule(publishRetryMs, attempt);
      };
      attempt();
    });
  }

  /** Answers travel, too; each may get lost. */
  #wrap(delivery: Delivery): Delivery {
    const { process, network, ledger, plantedBug } = this.#parts;
    const answer = (name: string, settles: boolean, arrive: () => void) => {
      ledger.answered(process.name, delivery, name, settles);
      network.sendRepeatable(`${process.name} up`, () => {
        ledger.reachedBroker(delivery, name);
        arrive();
      });
    };
    const acknowledge = () => answer("ack", true, () => delivery.acknowledge());
    const subject =
      plantedBug === "ignores-keys" ? `${delivery.message.subject}-${delivery.storedAt.sequence}` : undefined;
    if (plantedBug === "acknowledges-early") {
      acknowledge();
    }
    return {
      ...delivery,
      message:
        subject === undefined ? delivery.message : { ...delivery.message, subject, headers: withoutKey(delivery) },
      acknowledge: plantedBug === "acknowledges-early" ? () => undefined : acknowledge,
      terminate: (reason) => answer("terminate", true, () => delivery.terminate(reason)),
      retry: (delayMs) => answer("retry", true, () => delivery.retry(delayMs)),
      extend: () => answer("extend", false, () => delivery.extend()),
    };
  }
}

function withoutKey({ message }: Delivery): Map<string, string> {
  const headers = new Map(message.headers);
  headers.delete("ce-subject");
  return headers;
}
