// The port between what a service means and how messages travel. JetStream and memory implement it, held to one suite.

import type { StoredAt, StoredWireMessage, WireMessage } from "@throughline/contracts";
import type { MessageSchedule } from "./publishing/schedule.ts";
import type { Logger } from "./telemetry/logger.ts";

/** Where a transport is started for one service. */
export interface Transport {
  connect(options: TransportOptions): Promise<TransportConnection>;
}

export interface TransportOptions {
  readonly service: string;
  readonly logger: Logger;
}

/** What depends on the server. What is missing is refused with BUS_FEATURE_UNSUPPORTED, never ignored. */
export const transportFeatures = ["atomic-batch", "schedule", "cron", "fleet-pause", "partitions"] as const;
export type TransportFeature = (typeof transportFeatures)[number];

/** One service's connection. */
export interface TransportConnection {
  /** Name and version of what is at the other end, for logs and spans. */
  readonly peer: TransportPeer;
  /** Creates the streams and durable consumers that are missing. Safe to run from many instances at once. */
  provision(topology: Topology): Promise<void>;
  /** What the server at the other end can do. */
  supports(feature: TransportFeature): boolean;
  /**
   * Resolves once the message is stored. Transient failures are retried under the same `messageId`, which the stream
   * uses to drop repetitions; messages of one `orderKey` are stored in the order of the calls. Rejects with a
   * ThroughlineError: BUS_FEATURE_UNSUPPORTED, NATS_PUBLISH_REJECTED, NATS_PUBLISH_UNCONFIRMED, NATS_PAYLOAD_TOO_LARGE.
   */
  publish(message: OutgoingMessage): Promise<PublishReceipt>;
  /** Resolves once all messages are stored, side by side; rejects when none is. All of one stream, none scheduled. */
  publishAtomically(messages: readonly OutgoingMessage[]): Promise<void>;
  /** Removes what waits at a schedule's subject; false when nothing did. */
  cancelSchedule(stream: string, subject: string): Promise<boolean>;
  /** Starts delivering; nothing flows before the first `grant`. */
  consume(subscription: SubscriptionTopology, listener: ConsumptionListener): Promise<Consumption>;
  /**
   * As `consume`, for one partition of a partitioned subscription: all events of a key are in the same one. What the last
   * owner had comes again before anything new. From one that is lost it is taken away: whatever that one still asks for
   * or waits for, it gets nothing any more, also when it only stood still.
   */
  consumePartition(
    subscription: SubscriptionTopology,
    partition: number,
    lastOwner: "left" | "lost",
    listener: ConsumptionListener,
  ): Promise<Consumption>;
  /**
   * One question to whoever serves its subject; resolves with the answer, whatever it says. When `signal` aborts, whoever
   * works on it is told. Rejects with BUS_PROCEDURE_UNAVAILABLE where nobody is there, BUS_CALL_TIMEOUT.
   */
  request(
    request: Omit<WireMessage, "body"> & { readonly body: string },
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<Pick<WireMessage, "headers" | "body">>;
  /** Serves endpoints, sharing their load with the other instances of the service; can be discovered where that exists. */
  serve(
    served: { readonly service: string; readonly endpoints: readonly ServedEndpoint[] },
    onRequest: (request: IncomingRequest) => void,
  ): Promise<{ stop(): Promise<void> }>;
  /** Who has which partition. */
  readonly leases: Leases;
  /** What streams hold, for whoever looks after them. */
  readonly stored: StoredMessages;
  /**
   * Tells of messages that the broker itself gave up delivering: somebody limited their deliveries, and nobody ran.
   * Undefined where a broker never does. A message is told again until the promise resolves.
   */
  readonly watchExhausted?: (
    durables: readonly string[],
    listener: (durable: string, message: StoredWireMessage, deliveries: number) => Promise<void>,
  ) => Promise<{ stop(): Promise<void> }>;
  /** What is remembered of events that were tried and are not done. */
  readonly attempts: AttemptRecords;
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

export interface OutgoingMessage extends Omit<WireMessage, "body"> {
  /** Text travels as UTF-8. */
  readonly body: Uint8Array | string;
  readonly messageId: string;
  /** Messages of one order key keep their order, retries included. */
  readonly orderKey?: string;
  /** Store it at its subject when the time has come. */
  readonly schedule?: MessageSchedule;
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
  /** Whether messages may wait in it for their time. Default: no. */
  readonly schedules?: boolean;
  /** Default: everything is kept. */
  readonly keep?: {
    /** Only the newest message of each subject. */
    readonly newestPerSubject?: true;
    /** Until somebody has acknowledged it. */
    readonly untilAcknowledged?: true;
    readonly forMs?: number;
    /** How long repeated message ids are dropped. Default: the server's, two minutes. */
    readonly messageIdsForMs?: number;
  };
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
  /**
   * After an interruption, deliver again what was on its way before anything that comes later. Costs a wait of up to
   * `ackWaitMs` after each interruption.
   */
  readonly keepOrder: boolean;
  /** Spread over this many durables, one for each partition. */
  readonly partitions?: number;
}

/**
 * What the broker keeps of an event that was tried and is not done. It outlives processes and tells attempts from
 * deliveries: a message may come again because of a stop, an open circuit or a crash, without having been tried.
 */
export interface AttemptRecord {
  /** Attempts that ended in failure. */
  readonly failures: number;
  /** Attempts since then that began alone in their process and never ended: it died each time. */
  readonly starts: number;
  /** Deliveries that were given back without having been tried. */
  readonly returned: number;
  /** How often it was put off because it was written in a version that nobody here knows yet. */
  readonly postponed?: number;
  /** When it was written, in ms since 1970. */
  readonly atMs: number;
  /** The last failure. */
  readonly error?: { readonly name: string; readonly message: string };
}

/** One record for each durable and event; forgotten after some days. */
export interface AttemptRecords {
  read(durable: string, event: StoredAt): Promise<AttemptRecord | undefined>;
  /** Resolves once it is stored. */
  write(durable: string, event: StoredAt, record: AttemptRecord): Promise<void>;
}

/** Reads and deletes single messages; creates nothing that lasts. */
export interface StoredMessages {
  /** Messages on subjects that match, oldest first, from `fromSequence` on. Empty for a stream that does not exist. */
  read(stream: string, subject: string, fromSequence?: number): AsyncIterable<StoredWireMessage>;
  get(stream: string, sequence: number): Promise<StoredWireMessage | undefined>;
  /** False when it was gone already. */
  delete(stream: string, sequence: number): Promise<boolean>;
  /** How many messages there are on subjects that match. */
  count(stream: string, subject: string): Promise<number>;
  /** The sequence of the newest message that was ever stored; 0 for an empty stream. */
  lastSequence(stream: string): Promise<number>;
}

export interface ServedEndpoint {
  readonly name: string;
  readonly subject: string;
}

/** One question that this instance has to answer. */
export interface IncomingRequest {
  readonly message: WireMessage;
  /** `failure` is what made the answer an error, for statistics. */
  respond(headers: ReadonlyMap<string, string>, body: string, failure?: unknown): void;
  /** The caller no longer waits. */
  onCancel(listener: () => void): void;
}

/** A record that instances share; its revision grows with every write in its group. */
export interface LeaseRecord {
  readonly name: string;
  readonly value: string;
  readonly revision: number;
}

/** Records that are written only by whoever knows their newest revision. */
export interface Leases {
  list(group: string): Promise<readonly LeaseRecord[]>;
  /**
   * The new revision; undefined when the record is not at `expectedRevision` any more (0: there is none yet). Without
   * one it is written in any case.
   */
  write(group: string, name: string, value: string, expectedRevision?: number): Promise<number | undefined>;
}

/** Who takes the deliveries of one durable. */
export interface ConsumptionListener {
  onDelivery(delivery: Delivery): void;
  /** Somebody set the durable back, or made it anew: what was settled before comes again, and is meant to. */
  onReplay(): void;
}

/** A running delivery of one durable. */
export interface Consumption {
  /** Allows `count` more deliveries. Each granted delivery arrives at most once; settling does not grant anew. */
  grant(count: number): void;
  /**
   * Asks for nothing any more: earlier grants are void. What is on its way still arrives; resolves when nothing does.
   * What is given back afterwards comes to this instance only once it has resumed.
   */
  pause(): Promise<void>;
  /**
   * Ends a pause that has resolved, once the broker knows of everything that was given back; nothing flows before the next
   * `grant`.
   */
  resume(): Promise<void>;
  /** Delivers to no instance for `forMs`, or until `releaseFleet`; a later call replaces it. Needs "fleet-pause". */
  holdFleet(forMs: number): Promise<void>;
  releaseFleet(): Promise<void>;
  /** Stops pulling; afterwards nothing is delivered. What was in flight to this instance is given back. */
  stop(): Promise<void>;
  health(): ConsumptionHealth;
}

export interface ConsumptionHealth {
  /** Connected and asking for messages (or all granted ones were delivered). */
  readonly pulling: boolean;
  readonly problem?: string;
  /** Events that are stored and not delivered yet, as of some seconds ago; absent until first known. */
  readonly lag?: number;
  /** Events that were delivered, to any instance, and are not settled; known as the lag is. */
  readonly pendingAcks?: number;
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
  /**
   * An earlier owner had it: one that gave it back, or one that is lost. Set where `attempt` cannot tell, because its count
   * began anew.
   */
  readonly earlierOwner?: "left" | "lost" | undefined;
  /** Done: never delivered again. */
  acknowledge(): void;
  /** Deliver again after `delayMs`. */
  retry(delayMs: number): void;
  /** Still at work: restarts the ack wait. */
  extend(): void;
  /** Never deliver again, although it was not handled. */
  terminate(reason: string): void;
}
