// Makes the streams and durable consumers that a service declares, leaves alone what is right, and reports drift.

import type { ConsumerConfig, ConsumerInfo, StreamConfig, StreamInfo } from "@nats-io/jetstream";
import { ThroughlineError } from "@throughline/contracts";
import type { Logger, StreamTopology, SubscriptionTopology } from "@throughline/core";
import { apiErrorCodes, type JetStreamApi, requestFailed } from "./jetstream-api.ts";
import type { ServerFeatures } from "./server-features.ts";

const nanosPerMs = 1_000_000;
const duplicateWindowMs = 120_000;
/** Parked keys keep their messages unsettled without holding up other keys, so the server's default of 1,000 is low. */
const maxAckPending = 10_000;

/** How new streams are made. */
export interface StreamOptions {
  /** 1 or 3 (5 at most). Default 1. */
  readonly replicas?: number;
  /** Events older than this are deleted. Default: never. */
  readonly maxAgeMs?: number;
  /** A full stream refuses new events until there is room: publishers wait. It takes no schedules. Default: no limit. */
  readonly maxBytes?: number;
}

export interface ProvisioningParts {
  readonly api: JetStreamApi;
  readonly features: ServerFeatures;
  readonly logger: Logger;
  readonly streams: StreamOptions;
}

/**
 * Resolves with when the stream was made: another time means another stream.
 * @throws NATS_STREAM_DRIFT when an existing stream does not take the subjects, NATS_REQUEST_FAILED
 */
export async function provisionStream(parts: ProvisioningParts, topology: StreamTopology): Promise<string> {
  const { name, subjects } = topology;
  const { api, logger, streams, features } = parts;
  const found = await api.request<StreamInfo>(`STREAM.INFO.${name}`);
  if (found.ok) {
    requireSubjects(name, subjects, found.result.config.subjects);
    if (topology.keep === undefined) {
      await allowFeatures(parts, topology, found.result.config);
    }
    return found.result.created as unknown as string;
  }
  if (found.error.err_code !== apiErrorCodes.streamNotFound) {
    throw requestFailed(`STREAM.INFO.${name}`, found.error);
  }
  const common: Partial<StreamConfig> = {
    name,
    subjects: [...subjects],
    storage: "file" as StreamConfig["storage"],
    num_replicas: streams.replicas ?? 1,
    allow_direct: true,
  };
  const config = { ...common, ...(topology.keep === undefined ? limitsOf(streams) : keepingOf(topology.keep)) };
  if (topology.keep === undefined) {
    Object.assign(config, allowedFeatures(features, topology, config));
  }
  const created = await api.request<StreamInfo>(`STREAM.CREATE.${name}`, config);
  if (created.ok) {
    logger.info({ stream: name, subjects }, "stream created");
    return created.result.created as unknown as string;
  }
  if (created.error.err_code === apiErrorCodes.streamNameInUse) {
    // Another instance made it meanwhile.
    const info = await api.require<StreamInfo>(`STREAM.INFO.${name}`);
    requireSubjects(name, subjects, info.config.subjects);
    return info.created as unknown as string;
  }
  throw requestFailed(`STREAM.CREATE.${name}`, created.error);
}

/** Events: everything is kept, within what the user set. */
function limitsOf(streams: StreamOptions): Partial<StreamConfig> {
  return {
    retention: "limits" as StreamConfig["retention"],
    ...discardPolicy(streams),
    duplicate_window: duplicateWindowMs * nanosPerMs,
    max_age: (streams.maxAgeMs ?? 0) * nanosPerMs,
    max_bytes: streams.maxBytes ?? -1,
  };
}

/** What the toolkit keeps for itself. */
function keepingOf(keep: NonNullable<StreamTopology["keep"]>): Partial<StreamConfig> {
  return {
    retention: (keep.untilAcknowledged ? "workqueue" : "limits") as StreamConfig["retention"],
    discard: "old" as StreamConfig["discard"],
    duplicate_window: Math.min(keep.messageIdsForMs ?? duplicateWindowMs, keep.forMs ?? Infinity) * nanosPerMs,
    max_age: (keep.forMs ?? 0) * nanosPerMs,
    max_msgs_per_subject: keep.newestPerSubject ? 1 : -1,
  };
}

/**
 * A stream with a limit refuses what does not fit, so that nothing old is lost. Without one there is nothing to refuse,
 * and the server allows schedules in streams of the other kind only.
 */
function discardPolicy({ maxBytes }: StreamOptions): Pick<StreamConfig, "discard"> {
  return { discard: (maxBytes === undefined ? "old" : "new") as StreamConfig["discard"] };
}

/** What publishing in batches needs of a stream, and for later, where events of it are declared schedulable. */
function allowedFeatures(
  features: ServerFeatures,
  { schedules }: StreamTopology,
  { discard }: Partial<StreamConfig>,
): Partial<StreamConfig> {
  const maySchedule = schedules === true && features.has("schedules") && discard !== "new";
  return {
    ...(features.has("atomicBatch") ? { allow_atomic: true } : undefined),
    ...(maySchedule ? { allow_msg_schedules: true, allow_msg_ttl: true } : undefined),
  };
}

/** A stream that an older server made lacks what a newer one can do; both flags may be added at any time. */
async function allowFeatures(
  { api, features, logger }: ProvisioningParts,
  topology: StreamTopology,
  found: StreamConfig,
): Promise<void> {
  const wanted = allowedFeatures(features, topology, found);
  const missing = Object.keys(wanted).filter((flag) => found[flag as keyof StreamConfig] !== true);
  if (missing.length === 0) {
    return;
  }
  const request = `STREAM.UPDATE.${found.name}`;
  const updated = await api.request(request, { ...found, ...wanted });
  if (updated.ok) {
    logger.info({ stream: found.name, allowed: missing }, "stream updated");
  } else {
    const { description } = updated.error;
    logger.warn({ stream: found.name, missing, description }, "batches and schedules stay off for this stream");
  }
}

function requireSubjects(stream: string, expected: readonly string[], found: readonly string[] = []): void {
  const missing = expected.filter((subject) => !found.includes(subject));
  if (missing.length > 0) {
    throw new ThroughlineError("NATS_STREAM_DRIFT", `Stream ${stream} does not take ${missing.join(", ")}.`, {
      details: { stream, expected, found },
      remedy: `nats stream edit ${stream} --subjects "${[...new Set([...found, ...missing])].join(",")}"`,
    });
  }
}

/**
 * A durable that does not exist begins behind `settledSequence`, where that is known, or as declared.
 * @throws NATS_REQUEST_FAILED
 */
export async function provisionConsumer(
  parts: ProvisioningParts,
  subscription: SubscriptionTopology,
  settledSequence = 0,
): Promise<void> {
  const { api, features, logger } = parts;
  const { stream, durable } = subscription;
  const config = consumerConfig(subscription, features);
  const found = await api.consumerInfo<ConsumerInfo>(stream, durable);
  const exists = found.ok;
  if (exists && isSame(config, found.result.config)) {
    return;
  }
  if (!exists && found.error.err_code !== apiErrorCodes.consumerNotFound) {
    throw requestFailed(`CONSUMER.INFO.${stream}.${durable}`, found.error);
  }
  await api.require(`CONSUMER.CREATE.${stream}.${durable}`, {
    stream_name: stream,
    // Where a durable began cannot be changed afterwards.
    config: exists
      ? { ...found.result.config, ...config, deliver_policy: found.result.config.deliver_policy }
      : { ...config, ...beginBehind(settledSequence) },
    ...(exists && features.has("consumerActions") ? { action: "update" } : undefined),
  });
  logger.info(
    { stream, durable, filter: subscription.filterSubjects },
    exists ? "consumer updated" : "consumer created",
  );
}

function beginBehind(sequence: number): Partial<ConsumerConfig> {
  return sequence === 0
    ? {}
    : { deliver_policy: "by_start_sequence" as ConsumerConfig["deliver_policy"], opt_start_seq: sequence + 1 };
}

function consumerConfig(subscription: SubscriptionTopology, features: ServerFeatures): Partial<ConsumerConfig> {
  return {
    durable_name: subscription.durable,
    name: subscription.durable,
    ack_policy: "explicit" as ConsumerConfig["ack_policy"],
    ack_wait: subscription.ackWaitMs * nanosPerMs,
    deliver_policy: (subscription.startFrom === "first" ? "all" : "new") as ConsumerConfig["deliver_policy"],
    replay_policy: "instant" as ConsumerConfig["replay_policy"],
    // Attempts are counted by the policy, which dead-letters before the server would give up without a word.
    max_deliver: -1,
    max_ack_pending: maxAckPending,
    ...filterOf(subscription.filterSubjects, features),
  };
}

/** Servers before 2.10 filter by one subject: several types of a context get the whole context, and skip neighbours. */
function filterOf(subjects: readonly string[], features: ServerFeatures): Partial<ConsumerConfig> {
  const [first = ">"] = subjects;
  if (subjects.length === 1) {
    return { filter_subject: first };
  }
  return features.has("filterSubjects")
    ? { filter_subjects: [...subjects] }
    : { filter_subject: `${first.split(".", 1)[0]}.>` };
}

function isSame(wanted: Partial<ConsumerConfig>, found: ConsumerConfig): boolean {
  const relevant = ["ack_wait", "max_deliver", "max_ack_pending", "filter_subject", "filter_subjects"] as const;
  return relevant.every((field) => JSON.stringify(wanted[field] ?? null) === JSON.stringify(found[field] ?? null));
}
