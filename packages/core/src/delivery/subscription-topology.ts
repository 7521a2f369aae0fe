// What a subscription needs at the broker.

import type { Subscription } from "../service.ts";
import type { SubscriptionTopology } from "../transport.ts";

/** How long a process that died costs an event; whatever takes longer is extended meanwhile. */
export const ackWaitMs = 10_000;

/** What the durable consumer of a subscription looks like. */
export function subscriptionTopology(subscription: Subscription): SubscriptionTopology {
  return {
    stream: subscription.stream,
    durable: subscription.durable,
    filterSubjects: [...subscription.contracts.keys()].map((type) => `${type}.*`),
    startFrom: subscription.startFrom,
    ackWaitMs,
    keepOrder: subscription.order === "key",
  };
}
