// What card processors do: charge once for each idempotency key, decline some cards, give money back.

import { createHash } from "node:crypto";
import type { Ledger, LedgerEntry } from "./ledger.ts";

export interface ChargeRequest {
  readonly amountCents: number;
  readonly currency: string;
  readonly paymentMethod: string;
}

export type ChargeResult =
  | { readonly status: "captured"; readonly paymentId: string }
  | { readonly status: "declined"; readonly reason: string }
  | { readonly status: "voided" };

export interface VoidResult {
  readonly status: "voided";
  readonly refund?: { readonly paymentId: string; readonly amountCents: number; readonly currency: string };
}

type Captured = Extract<LedgerEntry, { kind: "captured" }>;

/** Payment methods that are declined, after the manner of card processors' test cards. */
const declined: ReadonlyMap<string, string> = new Map([
  ["card-declined", "the bank declined the card"],
  ["card-expired", "the card has expired"],
]);

export class Charges {
  readonly #ledger: Ledger;
  readonly #charges = new Map<string, Captured | Extract<LedgerEntry, { kind: "declined" }>>();
  readonly #voided = new Set<string>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    for (const entry of ledger.entries) {
      this.#learn(entry);
    }
  }

  /** The same key gives the same result and moves no more money. */
  charge(key: string, { amountCents, currency, paymentMethod }: ChargeRequest): ChargeResult {
    if (this.#voided.has(key)) {
      return { status: "voided" };
    }
    const reason = declined.get(paymentMethod);
    const charge =
      this.#charges.get(key) ??
      this.#write(
        reason === undefined
          ? { kind: "captured", key, paymentId: paymentIdOf(key), amountCents, currency }
          : { kind: "declined", key, reason },
      );
    return charge.kind === "captured"
      ? { status: "captured", paymentId: charge.paymentId }
      : { status: "declined", reason: charge.reason };
  }

  /** Gives back what was charged, and nothing is charged under this key any more. */
  void(key: string): VoidResult {
    const charge = this.#charges.get(key);
    const captured = charge?.kind === "captured" ? charge : undefined;
    if (!this.#voided.has(key)) {
      if (captured !== undefined) {
        const { paymentId, amountCents } = captured;
        this.#write({ kind: "refunded", key, paymentId, amountCents });
      }
      this.#write({ kind: "voided", key });
    }
    if (captured === undefined) {
      return { status: "voided" };
    }
    const { paymentId, amountCents, currency } = captured;
    return { status: "voided", refund: { paymentId, amountCents, currency } };
  }

  #write<Entry extends LedgerEntry>(entry: Entry): Entry {
    this.#ledger.append(entry);
    this.#learn(entry);
    return entry;
  }

  #learn(entry: LedgerEntry): void {
    if (entry.kind === "captured" || entry.kind === "declined") {
      this.#charges.set(entry.key, entry);
    } else {
      this.#voided.add(entry.key);
    }
  }
}

function paymentIdOf(key: string): string {
  return `pay-${createHash("sha256").update(key).digest("hex").slice(0, 24)}`;
}
