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
  const missing = await takeOrTell(tx, sumBySku(lines));
  if (missing.length > 0) {
    await tx.query("update inventory.reservations set status = 'refused' where order_id = $1", [orderId]);
  }
  return missing;
}

/**
 * Locks, looks and takes in one statement, as late as possible: everybody wants the same few items, and each lock lasts until
 * the commit.
 */
async function takeOrTell(tx: SqlTransaction, wanted: readonly Line[]): Promise<readonly Shortage[]> {
  const { rows } = await tx.query<Shortage>(
    `with wanted as (select unnest($1::text[]) as sku, unnest($2::integer[]) as quantity),
     locked as (select sku, available from inventory.stock where sku = any($1) order by sku for update),
     missing as (
       select sku, quantity as requested, coalesce(available, 0) as available from wanted left join locked using (sku)
       where coalesce(available, 0) < quantity
     ),
     taken as (
       update inventory.stock as s set available = s.available - wanted.quantity
       from wanted where s.sku = wanted.sku and not exists (select from missing) returning 1
     )
     select sku, requested, available from missing order by sku`,
    [wanted.map(({ sku }) => sku), wanted.map(({ quantity }) => quantity)],
  );
  return rows;
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
  await putBack(tx, sumBySku(lines));
  return lines.length > 0;
}

async function putBack(tx: SqlTransaction, lines: readonly Line[]): Promise<void> {
  if (lines.length === 0) {
    return;
  }
  await tx.query(
    `with locked as (select sku from inventory.stock where sku = any($1) order by sku for update)
     update inventory.stock as s set available = s.available + change.quantity
     from locked join (select unnest($1::text[]) as sku, unnest($2::integer[]) as quantity) as change using (sku)
     where s.sku = locked.sku`,
    [lines.map(({ sku }) => sku), lines.map(({ quantity }) => quantity)],
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
