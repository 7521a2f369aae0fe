// Judges the way of the events: accepted, committed, stored, handled; each once, in order, and nothing of it lost or made up.

import { services } from "../../../examples/orders/throughline.config.ts";
import type { Evidence, StoredEvent } from "../evidence.ts";
import type { EvidenceIndex } from "./evidence-index.ts";
import type { Found } from "./violation.ts";

/** How a subscription has to have worked through what it subscribes to. */
interface Duty {
  readonly durable: string;
  readonly types: ReadonlySet<string>;
  readonly keepsOrder: boolean;
  readonly mayDrop: boolean;
}

const duties: readonly Duty[] = services.flatMap(({ name, subscriptions }) =>
  subscriptions.map((subscription) => ({
    durable: `${name}-${subscription.name}`,
    types: new Set(subscription.contracts.keys()),
    keepsOrder: subscription.order === "key",
    mayDrop: subscription.policy.onExhausted === "drop",
  })),
);

/** What customers were told is true. */
export function checkPlacements(
  { placements, shown, orders }: Evidence,
  { happened }: EvidenceIndex,
  found: Found,
): void {
  const known = new Set<string>();
  for (const { key, orderIds } of placements) {
    if (orderIds.size > 1) {
      found("duplicateEffects", `the request ${key} placed ${orderIds.size} orders: ${[...orderIds].join(", ")}`);
    }
    for (const orderId of orderIds) {
      known.add(orderId);
      if (!shown.has(orderId)) {
        found("lost", `${orderId} was accepted, and the gateway does not know it`);
      }
      if (!happened.has(`${orderId} orders.placed`)) {
        found("lost", `${orderId} was accepted, and no stream holds it`);
      }
    }
  }
  for (const orderId of orders.keys()) {
    if (!shown.has(orderId)) {
      found("phantomEffects", `${orderId} is in the order book, and nobody placed it`);
    }
  }
  // Each request that nobody got an answer to may have placed one order, and no more.
  const unanswered = placements.filter(({ orderIds }) => orderIds.size === 0).length;
  const unknown = [...shown.keys()].filter((orderId) => !known.has(orderId)).length;
  if (unknown > unanswered) {
    found(
      "phantomEffects",
      `${unknown} orders that no customer knows of, and ${unanswered} requests without an answer`,
    );
  }
}

/** Streams hold what was committed: all of it, nothing else, once, in the order of the commits of each key. */
export function checkStreams({ events, outbox }: Evidence, { eventById, happened }: EvidenceIndex, found: Found): void {
  const committed = new Map(outbox.map((entry) => [entry.id, entry]));
  const seen = new Set<string>();
  const newest = new Map<string, { readonly position: number; readonly id: string }>();
  for (const { id, type, key, stream, sequence, service, causationId } of events) {
    if (seen.has(id)) {
      found("duplicateEffects", `${type} of ${key} (${id}) is in ${stream} more than once, again at ${sequence}`);
      continue;
    }
    seen.add(id);
    const entry = committed.get(id);
    if (entry === undefined) {
      found("phantomEffects", `${type} of ${key} (${id}) is in ${stream}, and ${service} never committed it`);
      continue;
    }
    const before = newest.get(`${service} ${stream} ${key}`);
    if (before !== undefined && before.position > entry.position) {
      found(
        "orderViolations",
        `${type} of ${key} was committed before ${before.id} and stored behind it, in ${stream}`,
      );
    }
    newest.set(`${service} ${stream} ${key}`, { position: entry.position, id });
    if (causationId !== undefined && !eventById.has(causationId)) {
      found("lost", `${causationId}, the cause of ${type} of ${key}, is in no stream`);
    }
  }
  for (const { id, subject, service, isSent, failure } of outbox) {
    if (failure !== null) {
      found("stuck", `${subject} (${id}) was refused for good: ${failure}`);
    } else if (!isSent) {
      found("stuck", `${subject} (${id}) waits in the outbox of ${service}`);
    } else if (!eventById.has(id)) {
      found("lost", `${subject} (${id}) was sent by ${service}, and no stream holds it`);
    }
  }
  for (const [what, times] of happened) {
    if (times > 1) {
      found("duplicateEffects", `${what} happened ${times} times`);
    }
  }
}

/** Every subscription handled everything, in order where it promises that, and nothing that nobody published. */
export function checkHandlings(
  { events, handled, deadLetters, isAtRest }: Evidence,
  { eventById, handledAt }: EvidenceIndex,
  found: Found,
): number {
  let dropped = 0;
  for (const { durable, types, keepsOrder, mayDrop } of duties) {
    const newest = new Map<string, { readonly event: StoredEvent; readonly at: number }>();
    for (const event of events) {
      if (!types.has(event.type)) {
        continue;
      }
      const name = `${event.type} of ${event.key} (${event.id})`;
      const at = handledAt.get(`${durable} ${event.id}`);
      if (at === undefined) {
        if (deadLetters.has(`${durable} ${event.id}`)) {
          found("stuck", `${name} is a dead letter of ${durable}`);
        } else if (mayDrop) {
          dropped++;
        } else {
          found(isAtRest ? "lost" : "stuck", `${name} was never handled by ${durable}`);
        }
        continue;
      }
      const order = `${event.stream} ${event.key}`;
      const before = newest.get(order);
      if (keepsOrder && before !== undefined && before.event.sequence < event.sequence && before.at > at) {
        found("orderViolations", `${durable} handled ${name} before the earlier ${before.event.type}`);
      }
      newest.set(order, { event, at });
    }
  }
  for (const { durable, id } of handled) {
    if (!eventById.has(id)) {
      found("phantomEffects", `${durable} handled ${id}, which is in no stream`);
    }
  }
  return dropped;
}
