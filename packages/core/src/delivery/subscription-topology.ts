// What a subscription needs at the broker.

import type { Subscription } from "../service.ts";
import type { SubscriptionTopology } from "../transport.ts";

/** How long a process that died costs an event; whatever takes longer is extended meanwhile. */
export const ackWaitMs = 10_000;

/** A partition has one puller, so whoever takes it over waits for this. */
const partitionAckWaitMs = 5_000;

/** What the durable consumer of a subscription looks like. */
export function subscriptionTopology(subscription: Subscription): SubscriptionTopology {
  return {
    stream: subscription.stream,
    durable: subscription.durable,
    filterSubjects: [...subscription.contracts.keys()].map((type) => `${type}.*`),
    startFrom: subscription.startFrom,
    ackWaitMs: subscription.partitions === undefined ? ackWaitMs : partitionAckWaitMs,
    keepOrder: subscription.order === "key",
    ...(subscription.partitions === undefined ? undefined : { partitions: subscription.partitions }),
  };
}
