// Judges the evidence, in the manner of Jepsen: knows nothing of how the system works, only what must never be found.

import { services } from "../../examples/orders/throughline.config.ts";
import type { Evidence, StoredEvent } from "./evidence.ts";

export const violationKinds = ["lost", "duplicateEffects", "phantomEffects", "orderViolations", "stuck"] as const;
export type ViolationKind = (typeof violationKinds)[number];

export interface Violation {
  readonly kind: ViolationKind;
  readonly finding: string;
}

export interface Judgement {
  readonly violations: readonly Violation[];
  /** Handlings that were given up as their policy says: notifications, after three attempts. */
  readonly dropped: number;
}

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

export function checkEvidence(evidence: Evidence): Judgement {
  const violations: Violation[] = [];
  const found = (kind: ViolationKind, finding: string) => violations.push({ kind, finding });
  const index = indexEvidence(evidence);
  checkPlacements(evidence, index, found);
  checkStreams(evidence, index, found);
  const dropped = checkHandlings(evidence, index, found);
  checkEnds(evidence, index, found);
  checkMoney(evidence, found);
  checkStock(evidence, found);
  checkMails(evidence, found);
  return { violations, dropped };
}

type Found = (kind: ViolationKind, finding: string) => void;

interface EvidenceIndex {
  readonly eventById: ReadonlyMap<string, StoredEvent>;
  /** `<key> <type>` of everything that happened. */
  readonly happened: ReadonlyMap<string, number>;
  readonly handledAt: ReadonlyMap<string, number>;
}

function indexEvidence({ events, handled }: Evidence): EvidenceIndex {
  const happened = new Map<string, number>();
  for (const { key, type } of events) {
    happened.set(`${key} ${type}`, (happened.get(`${key} ${type}`) ?? 0) + 1);
  }
  return {
    eventById: new Map(events.map((event) => [event.id, event])),
    happened,
    handledAt: new Map(handled.map(({ durable, id, handledAtMs }) => [`${durable} ${id}`, handledAtMs])),
  };
}

/** What customers were told is true. */
function checkPlacements({ placements, shown, orders }: Evidence, { happened }: EvidenceIndex, found: Found): void {
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
function checkStreams({ events, outbox }: Evidence, { eventById, happened }: EvidenceIndex, found: Found): void {
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
function checkHandlings(
  { events, handled, deadLetters }: Evidence,
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
          found("lost", `${name} was never handled by ${durable}`);
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

/** Every order ends, once, and everybody says the same. */
function checkEnds(
  { orders, shown, payments, reservations }: Evidence,
  { happened }: EvidenceIndex,
  found: Found,
): void {
  for (const [orderId, status] of shown) {
    const end = orders.get(orderId);
    const confirmed = happened.has(`${orderId} orders.confirmed`);
    const cancelled = happened.has(`${orderId} orders.cancelled`);
    if (end === undefined || end === "placed") {
      found("stuck", `${orderId} has not ended`);
      continue;
    }
    if (confirmed && cancelled) {
      found("duplicateEffects", `${orderId} was confirmed and cancelled`);
    }
    if (!(end === "confirmed" ? confirmed : cancelled)) {
      found("lost", `${orderId} is ${end} in the order book, and no event says so`);
    }
    if (status !== end) {
      found("stuck", `${orderId} is ${end}, and the gateway shows it as ${status}`);
    }
    checkEffects(orderId, end, payments.get(orderId), reservations.get(orderId)?.status, found);
  }
}

function checkEffects(
  orderId: string,
  end: string,
  payment: string | undefined,
  reservation: string | undefined,
  found: Found,
): void {
  if (end === "confirmed" && payment !== "captured") {
    found("phantomEffects", `${orderId} is confirmed, and its payment is ${payment ?? "unknown"}`);
  }
  if (end === "confirmed" && reservation !== "reserved") {
    found("phantomEffects", `${orderId} is confirmed, and its stock is ${reservation ?? "not set aside"}`);
  }
  if (end === "cancelled" && payment === "captured") {
    found("phantomEffects", `${orderId} is cancelled, and its payment is kept`);
  }
  if (end === "cancelled" && reservation === "reserved") {
    found("phantomEffects", `${orderId} is cancelled, and its stock is still set aside`);
  }
}

/** By the card processor's own record. */
function checkMoney({ ledger, orders, payments }: Evidence, found: Found): void {
  const captured = new Map<string, number>();
  const refunded = new Map<string, number>();
  for (const entry of ledger) {
    if (entry.kind === "captured" || entry.kind === "refunded") {
      const sums = entry.kind === "captured" ? captured : refunded;
      if (sums.has(entry.key)) {
        found("duplicateEffects", `${entry.key} was ${entry.kind} more than once`);
      }
      sums.set(entry.key, (sums.get(entry.key) ?? 0) + entry.amountCents);
    }
  }
  for (const [orderId, cents] of captured) {
    const kept = cents - (refunded.get(orderId) ?? 0);
    if (kept !== 0 && orders.get(orderId) !== "confirmed") {
      found(
        "phantomEffects",
        `${kept} cents of ${orderId} are kept, and the order is ${orders.get(orderId) ?? "unknown"}`,
      );
    }
    if (kept < 0) {
      found("duplicateEffects", `${-kept} cents too much were given back for ${orderId}`);
    }
  }
  for (const [orderId, end] of orders) {
    const kept = (captured.get(orderId) ?? 0) - (refunded.get(orderId) ?? 0);
    if (end === "confirmed" && kept <= 0) {
      found("lost", `${orderId} is confirmed, and no money was taken`);
    }
  }
  for (const [orderId, status] of payments) {
    if (status === "captured" && !captured.has(orderId)) {
      found("lost", `the payment of ${orderId} is noted, and the processor does not know it`);
    }
  }
}

function checkStock({ stock, reservations }: Evidence, found: Found): void {
  const taken = new Map<string, number>();
  for (const { status, lines } of reservations.values()) {
    for (const { sku, quantity } of status === "reserved" ? lines : []) {
      taken.set(sku, (taken.get(sku) ?? 0) + quantity);
    }
  }
  for (const { sku, initial, available } of stock) {
    const expected = initial - (taken.get(sku) ?? 0);
    if (available < 0) {
      found("phantomEffects", `there are ${available} of ${sku}`);
    }
    if (available !== expected) {
      found("duplicateEffects", `there should be ${expected} of ${sku}, and there are ${available}`);
    }
  }
}

function checkMails({ mails, orders }: Evidence, found: Found): void {
  const seen = new Set<string>();
  for (const { orderId, template } of mails) {
    if (seen.has(orderId)) {
      found("duplicateEffects", `the customer of ${orderId} was told twice`);
    }
    seen.add(orderId);
    if (template !== `order-${orders.get(orderId)}`) {
      found("phantomEffects", `the customer was told that ${orderId} is ${template}; it is ${orders.get(orderId)}`);
    }
  }
}
