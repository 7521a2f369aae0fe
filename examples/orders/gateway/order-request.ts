// Turns a request body into an order, or into a list of what is wrong with it.

import { randomUUID } from "node:crypto";
import { listIssues } from "@throughline/contracts";
import { z } from "zod";
import type { OrderItem } from "../contracts/index.ts";
import { priceList } from "./price-list.ts";
import type { FieldProblem } from "./problem.ts";

/** What `POST /orders` takes. Prices are the gateway's. */
export const OrderRequest = z.strictObject({
  customerId: z.string().min(1).max(64),
  items: z
    .array(z.strictObject({ sku: z.string().min(1).max(64), quantity: z.int().min(1).max(1_000) }))
    .min(1)
    .max(100),
  paymentMethod: z.string().min(1).max(64),
  currency: z.literal("EUR").default("EUR"),
});

export interface Order {
  readonly orderId: string;
  readonly customerId: string;
  readonly items: OrderItem[];
  readonly paymentMethod: string;
  readonly currency: string;
}

export type OrderReading = { readonly order: Order } | { readonly errors: readonly FieldProblem[] };

export function readOrder(body: unknown): OrderReading {
  const request = OrderRequest.safeParse(body);
  if (!request.success) {
    return { errors: listIssues(request.error.issues).map(({ pointer, message }) => ({ pointer, detail: message })) };
  }
  const unknown = request.data.items.flatMap(({ sku }, index) =>
    priceList.has(sku) ? [] : [{ pointer: `/items/${index}/sku`, detail: `"${sku}" is not for sale` }],
  );
  if (unknown.length > 0) {
    return { errors: unknown };
  }
  const items = request.data.items.map((item) => ({ ...item, unitPriceCents: priceList.get(item.sku) ?? 0 }));
  return { order: { ...request.data, items, orderId: `order-${randomUUID()}` } };
}
