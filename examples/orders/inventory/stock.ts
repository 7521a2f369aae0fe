// The stock and who has what set aside. Rows are locked in one order, so orders that share items wait and never deadlock.

import type { SqlTransaction } from "@throughline/core";

/** An item and how many of it. */
export interface Line {
  readonly sku: string;
  readonly quantity: number;
}

export interface Shortage {
  readonly sku: string;
  readonly requested: number;
  readonly available: number;
}

/** The check makes a negative stock impossible, whatever the code does. */
export const stockTables = `
create table if not exists inventory.stock (
  sku text primary key,
  initial integer not null,
  available integer not null check (available >= 0)
);
create table if not exists inventory.reservations (
  order_id text primary key,
  status text not null check (status in ('reserved', 'refused', 'released')),
  lines jsonb not null,
  changed_at timestamptz not null default clock_timestamp()
)`;

/** Fills an empty stock; what is there already stays as it is. */
export function stockUp(items: Readonly<Record<string, number>>): string {
  const rows = JSON.stringify(items).replaceAll("'", "''");
  return `insert into inventory.stock (sku, initial, available)
    select key, value::integer, value::integer from json_each_text('${rows}') on conflict do nothing`;
}

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
  const wanted = sumBySku(lines);
  const { rows: stock } = await tx.query<{ sku: string; available: number }>(
    "select sku, available from inventory.stock where sku = any($1) order by sku for update",
    [wanted.map(({ sku }) => sku)],
  );
  const available = new Map(stock.map((row) => [row.sku, row.available]));
  const missing = wanted
    .map(({ sku, quantity }) => ({ sku, requested: quantity, available: available.get(sku) ?? 0 }))
    .filter((item) => item.available < item.requested);
  if (missing.length === 0) {
    await changeStock(tx, wanted, -1);
  } else {
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
  await changeStock(tx, sumBySku(lines), 1);
  return lines.length > 0;
}

async function changeStock(tx: SqlTransaction, lines: readonly Line[], sign: 1 | -1): Promise<void> {
  if (lines.length === 0) {
    return;
  }
  await tx.query(
    `update inventory.stock as s set available = s.available + $3 * change.quantity
     from (select unnest($1::text[]) as sku, unnest($2::integer[]) as quantity) as change
     where s.sku = change.sku`,
    [lines.map(({ sku }) => sku), lines.map(({ quantity }) => quantity), sign],
  );
}

/** One order may name an item twice. */
function sumBySku(lines: readonly Line[]): Line[] {
  const sums = new Map<string, number>();
  for (const { sku, quantity } of lines) {
    sums.set(sku, (sums.get(sku) ?? 0) + quantity);
  }
  return [...sums].map(([sku, quantity]) => ({ sku, quantity })).toSorted((a, b) => (a.sku < b.sku ? -1 : 1));
}
