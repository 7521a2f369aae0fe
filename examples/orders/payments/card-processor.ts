// Stands for the card processor outside: it answers slowly if told to, declines some cards, and charges once per
// idempotency key, as real ones do.

export type ChargeResult =
  | { readonly status: "captured"; readonly paymentId: string }
  | { readonly status: "declined"; readonly reason: string };

export interface Charge {
  readonly amountCents: number;
  readonly currency: string;
  readonly paymentMethod: string;
}

export interface CardProcessor {
  /** The same key gives the same result and moves no more money. */
  charge(
    charge: Charge,
    options: { readonly idempotencyKey: string; readonly signal: AbortSignal },
  ): Promise<ChargeResult>;
}

/** Payment methods that the processor declines, after the manner of card processors' test cards. */
const declined = new Map([
  ["card-declined", "the bank declined the card"],
  ["card-expired", "the card has expired"],
]);

export function createSimulatedCardProcessor({ latencyMs }: { readonly latencyMs: number }): CardProcessor {
  const results = new Map<string, ChargeResult>();
  return {
    async charge({ paymentMethod }, { idempotencyKey, signal }) {
      await waitUnlessAborted(latencyMs, signal);
      const known = results.get(idempotencyKey);
      if (known !== undefined) {
        return known;
      }
      const reason = declined.get(paymentMethod);
      const result: ChargeResult =
        reason === undefined
          ? { status: "captured", paymentId: `pay-${idempotencyKey}` }
          : { status: "declined", reason };
      results.set(idempotencyKey, result);
      return result;
    },
  };
}

async function waitUnlessAborted(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) {
    const { setTimeout: wait } = await import("node:timers/promises");
    await wait(ms, undefined, { signal });
  }
}
