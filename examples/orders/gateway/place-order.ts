// Places an order once: the order, its event and the idempotency key commit together, and whoever asks again with the key
// gets the first answer.

import { createHash } from "node:crypto";
import { parseTraceparent } from "@throughline/contracts";
import type { RunningService, SqlTransaction } from "@throughline/core";
import { z } from "zod";
import { type CheckStock, OrderPlaced } from "../contracts/index.ts";
import type { Database } from "../database.ts";
import type { Order } from "./order-request.ts";
import { notePlaced } from "./order-view.ts";

export type Gateway = RunningService<typeof OrderPlaced, typeof CheckStock>;

/** What `POST /orders` answers. */
export const AcceptedOrder = z.object({
  orderId: z.string(),
  correlationId: z.string().meta({ description: "The order's journey through all services." }),
  traceId: z.string().optional().meta({ description: "W3C trace id, 32 hexadecimal digits." }),
});
export type AcceptedOrder = z.infer<typeof AcceptedOrder>;

export type Placing =
  | { readonly accepted: AcceptedOrder; readonly isRepeated: boolean }
  /** The key was used for another order. */
  | { readonly conflict: true };

/** A key belongs to its customer: nobody sees another one's answer by guessing. */
export const idempotencyTables = `
create table if not exists gateway.idempotency_keys (
  customer_id text not null,
  key text not null,
  fingerprint text not null,
  answer json,
  created_at timestamptz not null default clock_timestamp(),
  primary key (customer_id, key)
);
create index if not exists idempotency_keys_created on gateway.idempotency_keys (created_at)`;

const keepKeysHours = 24;

/** A second request with the same key waits for the first one's commit. @throws STORE_UNAVAILABLE */
export async function placeOrder(gateway: Gateway, order: Order, key: string | undefined): Promise<Placing> {
  return await gateway.transaction(async (tx) => {
    const earlier = key === undefined ? undefined : await claimKey(tx, order, key);
    if (earlier !== undefined) {
      return earlier;
    }
    const event = await gateway.publish(OrderPlaced, order, { transaction: tx });
    await notePlaced(tx, order, event);
    const { orderId } = order;
    const { correlationId } = event;
    const accepted = { orderId, correlationId, traceId: parseTraceparent(event.traceparent)?.traceId };
    if (key !== undefined) {
      await tx.query("update gateway.idempotency_keys set answer = $3 where customer_id = $1 and key = $2", [
        order.customerId,
        key,
        JSON.stringify(accepted),
      ]);
    }
    return { accepted, isRepeated: false };
  });
}

/** Undefined for the first to use the key. */
async function claimKey(tx: SqlTransaction, order: Order, key: string): Promise<Placing | undefined> {
  const fingerprint = fingerprintOf(order);
  const { rows: claimed } = await tx.query(
    `insert into gateway.idempotency_keys (customer_id, key, fingerprint) values ($1, $2, $3)
     on conflict do nothing returning 1`,
    [order.customerId, key, fingerprint],
  );
  if (claimed.length > 0) {
    return undefined;
  }
  const { rows } = await tx.query<{ fingerprint: string; answer: AcceptedOrder }>(
    "select fingerprint, answer from gateway.idempotency_keys where customer_id = $1 and key = $2",
    [order.customerId, key],
  );
  const [earlier] = rows;
  return earlier?.fingerprint === fingerprint ? { accepted: earlier.answer, isRepeated: true } : { conflict: true };
}

/** Of what the customer asked for; the order id is made anew for each request. */
function fingerprintOf({ orderId: _own, ...asked }: Order): string {
  return createHash("sha256").update(JSON.stringify(asked)).digest("base64url");
}

/** Forgets keys that nobody repeats any more. */
export async function forgetOldKeys(database: Database): Promise<void> {
  await database.query(
    "delete from gateway.idempotency_keys where created_at < clock_timestamp() - $1 * interval '1 hour'",
    [keepKeysHours],
  );
}
