// Talks to the card processor. Everything it is asked carries an idempotency key, so asking again never moves money again.

import { PermanentError } from "@throughline/core";
import { z } from "zod";
import { tracedFetch } from "../traced-fetch.ts";

const ChargeAnswer = z.discriminatedUnion("status", [
  z.object({ status: z.literal("captured"), paymentId: z.string() }),
  z.object({ status: z.literal("declined"), reason: z.string() }),
  z.object({ status: z.literal("voided") }),
]);
const VoidAnswer = z.object({
  status: z.literal("voided"),
  refund: z.object({ paymentId: z.string(), amountCents: z.int(), currency: z.string() }).optional(),
});

export type ChargeAnswer = z.infer<typeof ChargeAnswer>;
export type VoidAnswer = z.infer<typeof VoidAnswer>;

export interface Charge {
  readonly amountCents: number;
  readonly currency: string;
  readonly paymentMethod: string;
}

export interface CardRequest {
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
}

export interface CardProcessor {
  /** The same key gives the same answer and moves no more money. */
  charge(charge: Charge, request: CardRequest): Promise<ChargeAnswer>;
  /** Gives back what was charged under the key, and nothing will be charged under it any more. */
  void(request: CardRequest): Promise<VoidAnswer>;
}

const tooManyRequests = 429;

export function connectCardProcessor(url: string): CardProcessor {
  const post = async (path: string, body: object, { idempotencyKey, signal }: CardRequest): Promise<unknown> => {
    const response = await tracedFetch(new URL(path, url), {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": idempotencyKey },
      body: JSON.stringify(body),
      signal,
    });
    if (!response.ok) {
      const problem = `The card processor answered ${response.status} to ${path}: ${(await response.text()).slice(0, 200)}`;
      const mayPass = response.status >= 500 || response.status === tooManyRequests;
      throw mayPass ? new Error(problem) : new PermanentError(problem);
    }
    return await response.json();
  };
  return {
    charge: async ({ amountCents, currency, paymentMethod }, request) =>
      ChargeAnswer.parse(await post("/charges", { amountCents, currency, paymentMethod }, request)),
    void: async (request) => VoidAnswer.parse(await post("/voids", {}, request)),
  };
}
