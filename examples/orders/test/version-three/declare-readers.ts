// The services around `orders.placed`, for whichever declaration of it the guide tries.

import type { AnyEventContract } from "@throughline/contracts";
import { defineService, type Service } from "@throughline/core";
import { z } from "zod";

export const V1 = z.object({
  orderId: z.string().min(1),
  customerId: z.string().min(1),
  items: z
    .array(
      z.object({
        sku: z.string().min(1).max(64),
        quantity: z.int().min(1).max(1_000),
        unitPriceCents: z.int().min(0),
      }),
    )
    .min(1)
    .max(100),
  paymentMethod: z.string().min(1),
});
export const V2 = V1.extend({ currency: z.string().length(3) });
export const V3 = V2.extend({ shipTo: z.object({ country: z.string().length(2) }) });

export function declareReaders(placed: AnyEventContract): readonly Service[] {
  const inventory = defineService("inventory").on(placed, { name: "reserve" }, () => undefined);
  return [defineService("gateway", { publishes: [placed] }) as Service, inventory];
}
