// How much there is of each item, spread over bins. Everybody wants the same few items, and whoever takes one holds its row until
// the commit: with one row for each item, orders would go through one after another. With bins, most find one that is free.

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

const binsPerItem = 16;

/**
 * The check makes a negative stock impossible, whatever the code does. Nobody waits while holding what another waits for: a bin
 * is waited for in the order of items and numbers, and what was taken on the way is given back before (the inner block).
 */
export const binTables = `
create table if not exists inventory.bins (
  sku text,
  number integer,
  initial integer not null,
  available integer not null check (available >= 0),
  primary key (sku, number)
);

create or replace function inventory.take(wanted_skus text[], wanted_quantities integer[])
returns table (missing_sku text, requested integer, left_over integer) language plpgsql as $take$
declare
  line record;
begin
  -- For each item a bin that nobody holds, and that has enough.
  begin
    for line in select * from unnest(wanted_skus, wanted_quantities) as wanted (sku, quantity) loop
      update inventory.bins set available = available - line.quantity where (sku, number) = (
        select sku, number from inventory.bins where sku = line.sku and available >= line.quantity
        order by random() limit 1 for update skip locked
      );
      if not found then
        raise sqlstate 'NOBIN';
      end if;
    end loop;
    return;
  exception when sqlstate 'NOBIN' then
  end;
  -- Too little in all bins together: nothing to wait for.
  return query select * from inventory.shortages(wanted_skus, wanted_quantities);
  if found then
    return;
  end if;
  -- Enough, but in several bins, or in others' hands.
  perform from inventory.bins where sku = any(wanted_skus) order by sku, number for update;
  return query select * from inventory.shortages(wanted_skus, wanted_quantities);
  if found then
    return;
  end if;
  update inventory.bins as bin set available = bin.available - least(bin.available, greatest(0, wanted.quantity - counted.before))
  from unnest(wanted_skus, wanted_quantities) as wanted (sku, quantity)
  join (
    select sku, number, sum(available) over (partition by sku order by number) - available as before
    from inventory.bins where sku = any(wanted_skus)
  ) as counted using (sku)
  where (bin.sku, bin.number) = (counted.sku, counted.number);
end $take$;

create or replace function inventory.shortages(wanted_skus text[], wanted_quantities integer[])
returns table (missing_sku text, requested integer, left_over integer) language sql as $shortages$
  select wanted.sku, quantity, coalesce(sum(available), 0)::integer
  from unnest(wanted_skus, wanted_quantities) as wanted (sku, quantity) left join inventory.bins using (sku)
  group by wanted.sku, quantity having coalesce(sum(available), 0) < quantity order by wanted.sku
$shortages$;

create or replace function inventory.put_back(changed_skus text[], changed_quantities integer[])
returns void language plpgsql as $put_back$
declare
  line record;
begin
  for line in select * from unnest(changed_skus, changed_quantities) as changed (sku, quantity) loop
    update inventory.bins set available = available + line.quantity where (sku, number) = (
      select sku, number from inventory.bins where sku = line.sku order by random() limit 1 for update skip locked
    );
    if not found then
      update inventory.bins set available = available + line.quantity where (sku, number) = (line.sku, 0);
    end if;
  end loop;
end $put_back$`;

/** Fills empty bins; what is there already stays as it is. */
export function fillBins(items: Readonly<Record<string, number>>): string {
  const rows = JSON.stringify(items).replaceAll("'", "''");
  return `insert into inventory.bins (sku, number, initial, available)
    select key, number, share, share from json_each_text('${rows}'), generate_series(0, ${binsPerItem - 1}) as number,
    lateral (select value::integer / ${binsPerItem} + (number < value::integer % ${binsPerItem})::integer as share) as shares
    on conflict do nothing`;
}

/** Takes everything or nothing; resolves with what is missing. The lines are sorted by item, and name each once. */
export async function takeFromBins(tx: SqlTransaction, lines: readonly Line[]): Promise<readonly Shortage[]> {
  const { rows } = await tx.query<Shortage>(
    `select missing_sku as sku, requested, left_over as available from inventory.take($1::text[], $2::integer[])`,
    columnsOf(lines),
  );
  return rows;
}

export async function putBackIntoBins(tx: SqlTransaction, lines: readonly Line[]): Promise<void> {
  await tx.query("select inventory.put_back($1::text[], $2::integer[])", columnsOf(lines));
}

/** Undefined for what was never in stock. */
export const countInBins = "select sum(available)::integer as available from inventory.bins where sku = $1";

function columnsOf(lines: readonly Line[]): [string[], number[]] {
  return [lines.map(({ sku }) => sku), lines.map(({ quantity }) => quantity)];
}
