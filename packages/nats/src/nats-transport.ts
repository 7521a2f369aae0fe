// The JetStream transport: one connection per service, streams and durables made from the declaration.

import type { ConnectionOptions } from "@nats-io/nats-core";
import type {
  ConsumptionListener,
  Delivery,
  OutgoingMessage,
  PublishReceipt,
  StreamTopology,
  SubscriptionTopology,
  Transport,
  TransportConnection,
  TransportFeature,
  TransportOptions,
} from "@throughline/core";
import { ConfirmedPublisher } from "./confirmed-publisher.ts";
import type { ConsumerPolicy } from "./consumer-recovery.ts";
import { advisoryStream, watchExhausted } from "./exhausted-deliveries.ts";
import { JetStreamApi } from "./jetstream-api.ts";
import { NatsService } from "./nats-service.ts";
import { followStatus, openConnection } from "./open-connection.ts";
import { partitionTopology, provisionPartitions, takeOverPartition, unwrapPartition } from "./partition-queue.ts";
import { provisionConsumer, provisionStream, type StreamOptions } from "./provisioning.ts";
import { PullConsumption } from "./pull-consumption.ts";
import { sendRequest } from "./request-reply.ts";
import { type ServerFeature, ServerFeatures } from "./server-features.ts";
import { StoredAttempts } from "./stored-attempts.ts";
import { StoredLeases } from "./stored-leases.ts";
import { StreamMessages } from "./stream-messages.ts";
import { waitAtMost } from "./wait-at-most.ts";
import { WireWriter } from "./wire-writer.ts";

export interface NatsOptions {
  /** One address or several of a cluster. Default: the environment's `NATS_URL` (comma-separated), else 127.0.0.1:4222. */
  readonly servers?: string | readonly string[];
  /** Applied to streams that do not exist yet. */
  readonly streams?: StreamOptions;
  /** What to do when somebody else deletes or pauses a durable consumer while the service runs. */
  readonly consumers?: ConsumerPolicy;
  /** Unconfirmed publications at a time; more wait. Default 1,024. */
  readonly maxInFlight?: number;
  /** How long a publication may take, retries included. Default 30,000 ms. */
  readonly publishTimeoutMs?: number;
  /** How long the first connection may take. Default 60,000 ms: a broker may start after its services. */
  readonly connectTimeoutMs?: number;
  /** Credentials, TLS and whatever else nats.js takes; wins over the toolkit's own settings. */
  readonly client?: Omit<ConnectionOptions, "servers">;
}

const flushTimeoutMs = 2_000;
const scheduleFeature = ["schedules", "scheduled events"] as const;
const cronFeature = ["cronSchedules", "recurring schedules"] as const;
const featureNames: Readonly<Record<TransportFeature, ServerFeature>> = {
  "atomic-batch": "atomicBatch",
  schedule: "schedules",
  cron: "cronSchedules",
  "fleet-pause": "consumerPause",
  partitions: "partitions",
};

/** @throws NATS_UNREACHABLE, NATS_UNAUTHORIZED, NATS_SERVER_UNSUPPORTED on connect */
export function nats(options: NatsOptions = {}): Transport {
  return { connect: (started) => connectService(options, started) };
}

async function connectService(
  options: NatsOptions,
  { service, logger }: TransportOptions,
): Promise<TransportConnection> {
  const servers = serversOf(options.servers ?? process.env["NATS_URL"] ?? "127.0.0.1:4222");
  const connection = await openConnection({
    servers,
    service,
    logger,
    connectTimeoutMs: options.connectTimeoutMs ?? 60_000,
    client: options.client ?? {},
  });
  const inboxPrefix = options.client?.inboxPrefix ?? `_INBOX_${service}`;
  const features = new ServerFeatures(connection.info?.version ?? "0.0.0");
  if (features.outdated !== undefined) {
    logger.warn({ version: features.version }, features.outdated);
  }
  const api = new JetStreamApi(connection);
  const provisioning = { api, features, logger, streams: options.streams ?? {} };
  const writer = new WireWriter(connection);
  const publisher = new ConfirmedPublisher(connection, writer, inboxPrefix, {
    maxInFlight: options.maxInFlight ?? 1_024,
    timeoutMs: options.publishTimeoutMs ?? 30_000,
  });
  const consumptions = new Set<PullConsumption>();
  const services = new Set<NatsService>();
  let connected = true;
  let provisioned: readonly StreamTopology[] = [];
  const streamsCreated = new Map<string, string>();
  /** "new" when the stream is another one than this service has seen so far. */
  const restoreStream = async (stream: StreamTopology): Promise<"known" | "new"> => {
    const before = streamsCreated.get(stream.name);
    const created = await provisionStream(provisioning, stream);
    streamsCreated.set(stream.name, created);
    return before === undefined || before === created ? "known" : "new";
  };
  void followStatus(connection, logger, {
    disconnect: () => {
      connected = false;
    },
    forbidden: (subject, error) => publisher.rejectForbidden(subject, error),
    reconnect: () => {
      connected = true;
      publisher.resendAll();
      for (const consumption of consumptions) {
        consumption.restart();
      }
    },
  });

  const provisionSubscription = (subscription: SubscriptionTopology): Promise<void> =>
    subscription.partitions === undefined
      ? provisionConsumer(provisioning, subscription)
      : provisionPartitions(provisioning, subscription);

  const publishLater = async (message: OutgoingMessage): Promise<PublishReceipt> => {
    const isRecurring = message.schedule !== undefined && "cron" in message.schedule.timing;
    const [feature, what] = isRecurring ? cronFeature : scheduleFeature;
    features.require(feature, what);
    return await publisher.publish(message);
  };

  const attempts = new StoredAttempts(api, publisher);
  const stored = new StreamMessages(connection, api, inboxPrefix);
  const startConsumption = (subscription: SubscriptionTopology, listener: ConsumptionListener): PullConsumption => {
    const consumption: PullConsumption = new PullConsumption({
      connection,
      writer,
      api,
      inboxPrefix,
      subscription,
      features,
      logger,
      listener,
      policy: options.consumers ?? {},
      onStop: () => consumptions.delete(consumption),
      isConnected: () => connected,
      async restore(settledSequence) {
        const stream = provisioned.find(({ name }) => name === subscription.stream);
        const known = stream === undefined || (await restoreStream(stream)) === "known";
        await provisionConsumer(provisioning, subscription, known ? settledSequence : 0);
        return known ? "same" : "replay";
      },
    });
    consumptions.add(consumption);
    return consumption;
  };

  const [address, port] = splitAddress(connection.getServer());
  const transportConnection: TransportConnection = {
    peer: { system: "nats", version: features.version, ...address, ...port },
    async provision(topology) {
      provisioned = [...provisioned, ...topology.streams];
      await Promise.all(topology.streams.map(restoreStream));
      await Promise.all(topology.subscriptions.map(provisionSubscription));
    },
    supports: (feature) => features.has(featureNames[feature]),
    publish: (message) => (message.schedule === undefined ? publisher.publish(message) : publishLater(message)),
    async publishAtomically(messages) {
      features.require("atomicBatch", "atomic batches");
      await publisher.publishAtomically(messages);
    },
    request: (request, requestOptions) => sendRequest(connection, request, requestOptions),
    async serve(served, onRequest) {
      const natsService = new NatsService({ connection, ...served, onRequest });
      services.add(natsService);
      await connection.flush();
      return natsService;
    },
    attempts,
    stored,
    leases: new StoredLeases(connection, stored),
    async watchExhausted(durables, listener) {
      await restoreStream(advisoryStream);
      return await watchExhausted(transportConnection, service, new Set(durables), listener, logger);
    },
    async cancelSchedule(stream, subject) {
      features.require(...scheduleFeature);
      const { purged } = await api.require<{ purged: number }>(`STREAM.PURGE.${stream}`, { filter: subject });
      return purged > 0;
    },
    async consume(subscription, listener) {
      const consumption = startConsumption(subscription, listener);
      if (subscription.keepOrder) {
        // Whoever was here before may have died with something in hand.
        consumption.restart();
      }
      return consumption;
    },
    async consumePartition(subscription, partition, lastOwner, listener) {
      const topology = partitionTopology(subscription, partition);
      const deliveredBefore = await takeOverPartition(provisioning, topology);
      const onDelivery = (delivery: Delivery) =>
        listener.onDelivery(unwrapPartition(delivery, deliveredBefore, lastOwner));
      return startConsumption(topology, { ...listener, onDelivery });
    },
    health: () => (connected ? { connected } : { connected, problem: "disconnected from NATS; reconnecting" }),
    async close() {
      for (const consumption of [...consumptions]) {
        await consumption.stop();
      }
      for (const natsService of services) {
        natsService.leave();
      }
      publisher.close();
      if (!connection.isClosed()) {
        writer.flush();
        await waitAtMost(flushTimeoutMs, connection.flush());
        await connection.close();
      }
    },
  };
  return transportConnection;
}

function serversOf(servers: string | readonly string[]): readonly string[] {
  return typeof servers === "string" ? servers.split(",").map((server) => server.trim()) : servers;
}

function splitAddress(server: string): [{ address?: string }, { port?: number }] {
  const match = /^(?:[a-z]+:\/\/)?\[?(.+?)\]?:(\d+)$/.exec(server);
  return match?.[1] === undefined ? [{ address: server }, {}] : [{ address: match[1] }, { port: Number(match[2]) }];
}
