// The transport for tests without a broker: same promises as JetStream, kept in this process.

import { type StoredAt, type StoredWireMessage, ThroughlineError } from "@throughline/contracts";
import { type Clock, systemClock } from "../clock.ts";
import type { AttemptRecord, LeaseRecord, SubscriptionTopology, Transport, TransportConnection } from "../transport.ts";
import { MemoryDurable } from "./memory-durable.ts";
import { MemoryProcedures } from "./memory-procedures.ts";
import { MemorySchedules } from "./memory-schedules.ts";
import { MemoryStream, matchesSubject, type StoredMessage } from "./memory-stream.ts";

/** A broker in memory; every service that is given the same one shares its streams. */
export interface MemoryTransport extends Transport {
  /** What a stream holds, oldest first; empty for a stream that does not exist. */
  stored(stream: string): readonly StoredMessage[];
}

/** Streams and durables live as long as this object; nothing is written to disk. */
export function createMemoryTransport({ clock = systemClock }: { readonly clock?: Clock } = {}): MemoryTransport {
  const streams = new Map<string, MemoryStream>();
  const durables = new Map<string, MemoryDurable>();

  const procedures = new MemoryProcedures();
  const leases = new Map<string, Map<string, LeaseRecord>>();
  let leaseRevision = 0;
  const attempts = new Map<string, AttemptRecord>();
  const attemptsOf = (durable: string, { stream, sequence }: StoredAt) => `${durable}/${stream}/${sequence}`;
  const schedules = new MemorySchedules(clock);
  const streamOf = (subject: string): MemoryStream => {
    const taking = [...streams.values()].find(({ subjects }) =>
      subjects.some((pattern) => matchesSubject(pattern, subject)),
    );
    if (taking === undefined) {
      throw new ThroughlineError("NATS_PUBLISH_REJECTED", `No stream takes the subject ${subject}.`);
    }
    return taking;
  };

  const durableOf = (subscription: SubscriptionTopology, partition?: number): MemoryDurable => {
    const durable = durables.get(nameOf(subscription, partition));
    if (durable === undefined) {
      throw new ThroughlineError("NATS_REQUEST_FAILED", `Durable ${subscription.durable} is not provisioned.`);
    }
    return durable;
  };

  const connect = (): TransportConnection => {
    let connected = true;
    return {
      peer: { system: "memory", version: "1" },
      async provision(topology) {
        for (const stream of topology.streams) {
          streams.set(stream.name, streams.get(stream.name) ?? new MemoryStream(stream));
        }
        for (const subscription of topology.subscriptions) {
          const stream = requireStream(streams, subscription.stream);
          for (const partition of partitionsOf(subscription)) {
            const name = nameOf(subscription, partition);
            durables.set(name, durables.get(name) ?? new MemoryDurable(stream, subscription, clock, partition));
          }
        }
      },
      supports: (feature) => feature !== "cron",
      async publish(message) {
        const stream = streamOf(message.subject);
        if (message.schedule === undefined) {
          return stream.store(message, clock.now());
        }
        return schedules.set(stream, message, message.schedule);
      },
      async publishAtomically(messages) {
        const now = clock.now();
        const targets = messages.map((message) => ({ message, stream: streamOf(message.subject) }));
        if (targets.some(({ message, stream }) => stream.holds(message.messageId, now))) {
          throw new ThroughlineError("NATS_PUBLISH_REJECTED", "The batch holds a message id that is stored already.");
        }
        for (const { message, stream } of targets) {
          stream.store(message, now);
        }
      },
      request: (request, options) => procedures.request(request, options),
      serve: async ({ endpoints }, onRequest) => procedures.serve(endpoints, onRequest),
      stored: {
        async *read(stream, subject, fromSequence = 1) {
          for (const message of [...(streams.get(stream)?.messages ?? [])]) {
            if (message.sequence >= fromSequence && matchesSubject(subject, message.subject)) {
              yield asStored(stream, message);
            }
          }
        },
        async get(stream, sequence) {
          const message = streams.get(stream)?.find(sequence);
          return message && asStored(stream, message);
        },
        delete: async (stream, sequence) => streams.get(stream)?.delete(sequence) ?? false,
        async count(stream, subject) {
          const messages = streams.get(stream)?.messages ?? [];
          return messages.filter((message) => matchesSubject(subject, message.subject)).length;
        },
        lastSequence: async (stream) => streams.get(stream)?.lastSequence ?? 0,
      },
      attempts: {
        read: async (durable, event) => attempts.get(attemptsOf(durable, event)),
        async write(durable, event, record) {
          attempts.set(attemptsOf(durable, event), record);
        },
      },
      cancelSchedule: async (_stream, subject) => schedules.cancel(subject),
      consume: async (subscription, listener) => durableOf(subscription).consume(listener),
      async consumePartition(subscription, partition, _lastOwner, listener) {
        const durable = durableOf(subscription, partition);
        durable.reset();
        return durable.consume(listener);
      },
      leases: {
        list: async (group) => [...(leases.get(group)?.values() ?? [])],
        async write(group, name, value, expectedRevision) {
          const records = leases.get(group) ?? new Map<string, LeaseRecord>();
          leases.set(group, records);
          if (expectedRevision !== undefined && (records.get(name)?.revision ?? 0) !== expectedRevision) {
            return undefined;
          }
          records.set(name, { name, value, revision: ++leaseRevision });
          return leaseRevision;
        },
      },
      health: () => ({ connected }),
      async close() {
        connected = false;
      },
    };
  };
  return { connect: async () => connect(), stored: (stream) => streams.get(stream)?.messages ?? [] };
}

function asStored(stream: string, message: StoredMessage): StoredWireMessage {
  return { message, storedAt: { stream, sequence: message.sequence, timeMs: message.timeMs } };
}

function nameOf({ stream, durable }: SubscriptionTopology, partition?: number): string {
  return partition === undefined ? `${stream}/${durable}` : `${stream}/${durable}/${partition}`;
}

function partitionsOf({ partitions }: SubscriptionTopology): (number | undefined)[] {
  return partitions === undefined ? [undefined] : Array.from({ length: partitions }, (_, partition) => partition);
}

function requireStream(streams: ReadonlyMap<string, MemoryStream>, name: string): MemoryStream {
  const stream = streams.get(name);
  if (stream === undefined) {
    throw new ThroughlineError("NATS_REQUEST_FAILED", `Stream ${name} does not exist.`);
  }
  return stream;
}
