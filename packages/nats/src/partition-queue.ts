// A partitioned subscription on JetStream: a work queue that sources the events of the context's stream, each under a
// subject that begins with its partition, and a durable consumer for every partition. See ADR 11.

import type { ConsumerInfo, StreamConfig, StreamInfo } from "@nats-io/jetstream";
import { ThroughlineError, type WireMessage } from "@throughline/contracts";
import type { Delivery, SubscriptionTopology } from "@throughline/core";
import { apiErrorCodes, requestFailed } from "./jetstream-api.ts";
import { type ProvisioningParts, provisionConsumer } from "./provisioning.ts";

/** Tokens in front of the event's own subject: `partition.<durable>.<partition>.<context>.<event>.<key>`. */
const addedTokens = 3;
const sourceHeader = "nats-stream-source";

/** Not in upper case like the streams of contexts, so the two cannot meet. */
function queueName({ stream, durable }: SubscriptionTopology): string {
  return `${stream}-${durable}`;
}

/** The durable of one partition, as `consume` takes it. */
export function partitionTopology(subscription: SubscriptionTopology, partition: number): SubscriptionTopology {
  const { partitions, ...rest } = subscription;
  return {
    ...rest,
    stream: queueName(subscription),
    durable: `${subscription.durable}-${partition}`,
    filterSubjects: [`partition.${subscription.durable}.${partition}.>`],
    startFrom: "first",
    keepOrder: true,
  };
}

/** @throws BUS_FEATURE_UNSUPPORTED before 2.10, NATS_STREAM_DRIFT when events wait in another number of partitions */
export async function provisionPartitions(parts: ProvisioningParts, subscription: SubscriptionTopology): Promise<void> {
  const { api, features, logger } = parts;
  features.require("partitions", "partitions of subscriptions");
  const name = queueName(subscription);
  const found = await api.request<StreamInfo>(`STREAM.INFO.${name}`);
  if (found.ok) {
    requireSameCount(subscription, found.result.config);
  } else if (found.error.err_code !== apiErrorCodes.streamNotFound) {
    throw requestFailed(`STREAM.INFO.${name}`, found.error);
  } else {
    const created = await api.request(`STREAM.CREATE.${name}`, await queueConfig(parts, subscription));
    if (!created.ok && created.error.err_code !== apiErrorCodes.streamNameInUse) {
      throw requestFailed(`STREAM.CREATE.${name}`, created.error);
    }
    logger.info({ stream: name, partitions: subscription.partitions }, "partitions created");
  }
  const partitions = Array.from({ length: subscription.partitions ?? 1 }, (_, partition) => partition);
  await Promise.all(
    partitions.map((partition) => provisionConsumer(parts, partitionTopology(subscription, partition))),
  );
}

async function queueConfig(
  parts: ProvisioningParts,
  subscription: SubscriptionTopology,
): Promise<Partial<StreamConfig>> {
  const source = {
    name: subscription.stream,
    ...(await beginningOf(parts, subscription)),
    subject_transforms: transformsOf(subscription),
  };
  return {
    name: queueName(subscription),
    retention: "workqueue" as StreamConfig["retention"],
    storage: "file" as StreamConfig["storage"],
    discard: "old" as StreamConfig["discard"],
    num_replicas: parts.streams.replicas ?? 1,
    max_age: 0,
    sources: [source] as unknown as NonNullable<StreamConfig["sources"]>,
  };
}

function transformsOf({
  durable,
  filterSubjects,
  partitions = 1,
}: SubscriptionTopology): { src: string; dest: string }[] {
  return filterSubjects.map((src) => {
    const type = src.slice(0, -".*".length);
    return { src, dest: `partition.${durable}.{{partition(${partitions},1)}}.${type}.{{wildcard(1)}}` };
  });
}

/** A subscription that was not partitioned before goes on behind what it had settled. */
async function beginningOf(
  { api, logger }: ProvisioningParts,
  { stream, durable, startFrom }: SubscriptionTopology,
): Promise<{ opt_start_seq?: number; opt_start_time?: string }> {
  const before = await api.consumerInfo<ConsumerInfo>(stream, durable);
  if (before.ok) {
    const settled = before.result.ack_floor.stream_seq;
    await api.request(`CONSUMER.DELETE.${stream}.${durable}`);
    logger.info({ stream, durable, settled }, "the subscription is partitioned from here on");
    return { opt_start_seq: settled + 1 };
  }
  return startFrom === "new" ? { opt_start_time: new Date().toISOString() } : {};
}

function requireSameCount(subscription: SubscriptionTopology, found: StreamConfig): void {
  const sources = (found.sources ?? []) as readonly { subject_transforms?: readonly { dest?: string }[] }[];
  const transforms = sources.flatMap(({ subject_transforms = [] }) => subject_transforms.map(({ dest }) => dest));
  const wanted = transformsOf(subscription).map(({ dest }) => dest);
  if (wanted.some((dest) => !transforms.includes(dest)) || transforms.length !== wanted.length) {
    const name = queueName(subscription);
    throw new ThroughlineError(
      "NATS_STREAM_DRIFT",
      `${name} spreads its events otherwise than this service declares (${subscription.partitions} partitions).`,
      {
        details: { stream: name, expected: wanted, found: transforms },
        remedy: `Keep the number, or take another name for the subscription; or let ${name} run empty, then \`nats stream rm ${name}\` while no event is published.`,
      },
    );
  }
}

/**
 * Makes the durable of a partition anew. The queue still holds what is not acknowledged, so all of that comes again at once
 * and in order, whatever the last owner gave back and when; the requests of one that only stood still are void. Resolves with the sequence up to
 * which events were delivered before.
 */
export async function takeOverPartition(parts: ProvisioningParts, topology: SubscriptionTopology): Promise<number> {
  const { api } = parts;
  const { stream, durable } = topology;
  const before = await api.consumerInfo<ConsumerInfo>(stream, durable);
  const wasUsed = before.ok && (before.result.delivered.consumer_seq > 0 || before.result.num_waiting > 0);
  if (!wasUsed) {
    return 0;
  }
  await api.request(`CONSUMER.DELETE.${stream}.${durable}`);
  await provisionConsumer(parts, topology);
  return before.result.delivered.stream_seq;
}

/** The event as it is in its context's stream. The counts of a durable that was made anew say nothing of what was before. */
export function unwrapPartition(delivery: Delivery, deliveredBefore: number, lastOwner: "left" | "lost"): Delivery {
  const { message, storedAt } = delivery;
  const [stream, sequence] = (message.headers.get(sourceHeader) ?? "").split(" ");
  const event: WireMessage = { ...message, subject: message.subject.split(".").slice(addedTokens).join(".") };
  return {
    message: event,
    ...(delivery.malformedHeaders === undefined ? undefined : { malformedHeaders: delivery.malformedHeaders }),
    storedAt: stream && sequence ? { stream, sequence: Number(sequence), timeMs: storedAt.timeMs } : storedAt,
    consumerSequence: delivery.consumerSequence,
    attempt: delivery.attempt,
    earlierOwner: storedAt.sequence <= deliveredBefore ? lastOwner : undefined,
    acknowledge: () => delivery.acknowledge(),
    retry: (delayMs) => delivery.retry(delayMs),
    extend: () => delivery.extend(),
    terminate: (reason) => delivery.terminate(reason),
  };
}
