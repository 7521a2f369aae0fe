// What is set aside for whom: each order is decided once.

import type { SqlTransaction } from "@throughline/core";
import { binTables, type Line, putBackIntoBins, type Shortage, takeFromBins } from "./bins.ts";

export const stockTables = `${binTables};
create table if not exists inventory.reservations (
  order_id text primary key,
  status text not null check (status in ('reserved', 'refused', 'released')),
  lines jsonb not null,
  changed_at timestamptz not null default clock_timestamp()
)`;

/**
 * Sets everything aside or nothing. Resolves with what is missing, and with undefined for an order that was decided before,
 * be it that it was cancelled before it could be reserved.
 */
export async function reserve(
  tx: SqlTransaction,
  orderId: string,
  lines: readonly Line[],
): Promise<readonly Shortage[] | undefined> {
  const { rows: decided } = await tx.query(
    `insert into inventory.reservations (order_id, status, lines) values ($1, 'reserved', $2)
     on conflict do nothing returning 1`,
    [orderId, JSON.stringify(lines)],
  );
  if (decided.length === 0) {
    return undefined;
  }
  const missing = await takeFromBins(tx, sumBySku(lines));
  if (missing.length > 0) {
    await tx.query("update inventory.reservations set status = 'refused' where order_id = $1", [orderId]);
  }
  return missing;
}

/** Puts back what is set aside for the order, and nothing will be set aside for it again. False: nothing was. */
export async function release(tx: SqlTransaction, orderId: string): Promise<boolean> {
  const { rows } = await tx.query<{ lines: readonly Line[] }>(
    `insert into inventory.reservations as r (order_id, status, lines) values ($1, 'released', '[]')
     on conflict (order_id) do update set status = 'released', changed_at = clock_timestamp() where r.status = 'reserved'
     returning r.lines`,
    [orderId],
  );
  const lines = rows[0]?.lines ?? [];
  if (lines.length > 0) {
    await putBackIntoBins(tx, sumBySku(lines));
  }
  return lines.length > 0;
}

/** One order may name an item twice. */
function sumBySku(lines: readonly Line[]): Line[] {
  const sums = new Map<string, number>();
  for (const { sku, quantity } of lines) {
    sums.set(sku, (sums.get(sku) ?? 0) + quantity);
  }
  return [...sums].map(([sku, quantity]) => ({ sku, quantity })).toSorted((a, b) => (a.sku < b.sku ? -1 : 1));
}
