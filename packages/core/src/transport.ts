// The port between what a service means and how messages travel. JetStream and memory implement it, held to one suite.

import type { StoredAt, WireMessage } from "@throughline/contracts";
import type { Logger } from "./logger.ts";

/** Where a transport is started for one service. */
export interface Transport {
  connect(options: TransportOptions): Promise<TransportConnection>;
}

export interface TransportOptions {
  readonly service: string;
  readonly logger: Logger;
}

/** One service's connection. */
export interface TransportConnection {
  /** Name and version of what is at the other end, for logs and spans. */
  readonly peer: TransportPeer;
  /** Creates the streams and durable consumers that are missing. Safe to run from many instances at once. */
  provision(topology: Topology): Promise<void>;
  /**
   * Resolves once the message is stored. Transient failures are retried under the same `messageId`, which the stream
   * uses to drop repetitions. Rejects with a ThroughlineError.
   */
  publish(message: OutgoingMessage): Promise<PublishReceipt>;
  /** Starts delivering; nothing flows before the first `grant`. */
  consume(subscription: SubscriptionTopology, onDelivery: (delivery: Delivery) => void): Promise<Consumption>;
  health(): TransportHealth;
  /** Sends what is buffered (acks included) and closes. */
  close(): Promise<void>;
}

export interface TransportPeer {
  readonly system: "nats" | "memory";
  readonly version: string;
  readonly address?: string;
  readonly port?: number;
}

export interface OutgoingMessage extends WireMessage {
  readonly messageId: string;
}

export interface PublishReceipt {
  readonly stream: string;
  readonly sequence: number;
  /** The stream held the message already. */
  readonly duplicate: boolean;
}

/** What a service needs to exist. */
export interface Topology {
  readonly streams: readonly StreamTopology[];
  readonly subscriptions: readonly SubscriptionTopology[];
}

export interface StreamTopology {
  readonly name: string;
  readonly subjects: readonly string[];
}

export interface SubscriptionTopology {
  readonly stream: string;
  /** Name of the durable consumer: `<service>-<subscription>`. */
  readonly durable: string;
  /** Subjects such as `orders.placed.*`; the stream may deliver more where its server can filter by one only. */
  readonly filterSubjects: readonly string[];
  /** Where a new durable begins. An existing one goes on where it was. */
  readonly startFrom: "first" | "new";
  /** A delivery that is neither settled nor extended for this long is delivered again. */
  readonly ackWaitMs: number;
}

/** A running delivery of one durable. */
export interface Consumption {
  /** Allows `count` more deliveries. Each granted delivery arrives at most once; settling does not grant anew. */
  grant(count: number): void;
  /** Stops pulling; afterwards nothing is delivered. What was in flight to this instance is given back. */
  stop(): Promise<void>;
  health(): ConsumptionHealth;
}

export interface ConsumptionHealth {
  /** Connected and asking for messages (or all granted ones were delivered). */
  readonly pulling: boolean;
  readonly problem?: string;
}

export interface TransportHealth {
  readonly connected: boolean;
  readonly problem?: string;
}

/** One message as it was delivered, and the four ways to answer it. Each answer is sent without waiting. */
export interface Delivery {
  readonly message: WireMessage;
  /** What makes the headers unreadable; then `message.headers` is empty. */
  readonly malformedHeaders?: string;
  readonly storedAt: StoredAt;
  readonly consumerSequence: number;
  /** 1 for the first delivery. */
  readonly attempt: number;
  /** Done: never delivered again. */
  acknowledge(): void;
  /** Deliver again after `delayMs`. */
  retry(delayMs: number): void;
  /** Still at work: restarts the ack wait. */
  extend(): void;
  /** Never deliver again, although it was not handled. */
  terminate(reason: string): void;
}
