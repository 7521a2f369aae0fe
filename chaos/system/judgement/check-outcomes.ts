// Judges what came of the orders: every one ends, once, and money, stock and mail agree with it.

import type { Evidence } from "../evidence.ts";
import type { EvidenceIndex } from "./evidence-index.ts";
import type { Found } from "./violation.ts";

/** Every order ends, once, and everybody says the same. */
export function checkEnds(
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
export function checkMoney({ ledger, orders, payments }: Evidence, found: Found): void {
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

export function checkStock({ stock, reservations }: Evidence, found: Found): void {
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

export function checkMails({ mails, orders }: Evidence, found: Found): void {
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
