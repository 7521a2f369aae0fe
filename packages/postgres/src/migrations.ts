// The tables of this package, made and changed by versioned steps. Any number of instances may begin at once: one does it,
// the others wait and find it done.

import { type ConnectionPool, withClient } from "./connection-pool.ts";

/** Keys spread over so many lanes; a relay works on some of them at a time. */
export const laneCount = 64;
/** The first of two numbers of advisory locks, so that ours are nobody else's. */
const lockSpace = 7_461_001;

const steps: readonly ((schema: string, channel: string) => string)[] = [
  (schema, channel) => `
create table ${schema}.outbox (
  position bigint generated always as identity primary key,
  lane smallint not null,
  subject text not null,
  order_key text not null,
  message_id text not null,
  headers json not null,
  body text not null,
  schedule json,
  created_at timestamptz not null default clock_timestamp(),
  sent_at timestamptz,
  stream_sequence bigint,
  failure text
);
create index outbox_waiting on ${schema}.outbox (lane, position) where sent_at is null and failure is null;
create index outbox_sent on ${schema}.outbox (sent_at) where sent_at is not null;
create table ${schema}.outbox_lanes (lane smallint primary key);
insert into ${schema}.outbox_lanes select generate_series(0, ${laneCount - 1});
create table ${schema}.inbox (
  durable text not null,
  event_id text not null,
  handled_at timestamptz not null default clock_timestamp(),
  primary key (durable, event_id)
);
create index inbox_handled on ${schema}.inbox (handled_at);
create table ${schema}.fences (
  durable text not null,
  partition integer not null,
  token bigint not null,
  primary key (durable, partition)
);
-- Transactions that write for the same key wait for each other from here to their commit: positions of a key follow the
-- order of the commits. Telling others costs the commits their company: each waits for the one before. It is for
-- transactions whose end nobody here sees.
create function ${schema}.enqueue(messages json, tell boolean) returns void language plpgsql as $$
declare
  key_hash integer;
begin
  for key_hash in select distinct hashtext(m.key) from json_to_recordset(messages) as m(key text) order by 1 loop
    perform pg_advisory_xact_lock(${lockSpace + 1}, key_hash);
  end loop;
  insert into ${schema}.outbox (lane, subject, order_key, message_id, headers, body, schedule)
    select hashtext(m.key) & ${laneCount - 1}, m.subject, m.key, m.id, m.headers, m.body, m.schedule
    from json_to_recordset(messages) as m(subject text, key text, id text, headers json, body text, schedule json);
  if tell then
    perform pg_notify('${channel}', '');
  end if;
end
$$;`,
  (schema, channel) => `
-- What enqueue does, for the one message that most transactions write: half the work without a list to take apart.
create procedure ${schema}.enqueue_one(
  of_subject text, of_key text, of_id text, of_headers json, of_body text, of_schedule json, tell boolean
) language plpgsql as $$
declare
  key_hash integer := hashtext(of_key);
begin
  perform pg_advisory_xact_lock(${lockSpace + 1}, key_hash);
  insert into ${schema}.outbox (lane, subject, order_key, message_id, headers, body, schedule)
    values (key_hash & ${laneCount - 1}, of_subject, of_key, of_id, of_headers, of_body, of_schedule);
  if tell then
    perform pg_notify('${channel}', '');
  end if;
end
$$;
-- Whether nobody owns the partition by a greater token. Transactions of one owner do not wait for each other; a later
-- owner's waits for those of the one before.
create function ${schema}.owns_partition(of_durable text, of_partition integer, of_token bigint)
returns boolean language plpgsql as $$
declare
  newest bigint;
begin
  select token into newest from ${schema}.fences where durable = of_durable and partition = of_partition;
  if newest is null or newest < of_token then
    insert into ${schema}.fences as known (durable, partition, token) values (of_durable, of_partition, of_token)
      on conflict (durable, partition) do update set token = greatest(known.token, excluded.token);
  end if;
  select token into newest from ${schema}.fences where durable = of_durable and partition = of_partition for share;
  return newest <= of_token;
end
$$;`,
];

const schemaName = /^[a-z_][a-z0-9_]{0,40}$/;

/** Where the tables are, as it is written into statements, and the channel on which commits are told. */
export interface OutboxPlace {
  readonly schema: string;
  readonly channel: string;
}

/** @throws TypeError for a name that would have to be escaped */
export function placeOf(name: string): OutboxPlace {
  if (!schemaName.test(name)) {
    throw new TypeError(`"${name}" is no name for a schema: lower-case letters, digits and underscores`);
  }
  return { schema: `"${name}"`, channel: `${name}_outbox` };
}

/** Brings the schema up to date; each step commits with the note that it was done. */
export async function migrate(pool: ConnectionPool, { schema, channel }: OutboxPlace): Promise<void> {
  await withClient(pool, async (client) => {
    await client.query("begin");
    await client.query("select pg_advisory_xact_lock($1, hashtext($2))", [lockSpace, schema]);
    await client.query(`create schema if not exists ${schema}`);
    await client.query(
      `create table if not exists ${schema}.migrations (
        version integer primary key, applied_at timestamptz not null default clock_timestamp())`,
    );
    const { rows } = await client.query<{ version: number }>(`select version from ${schema}.migrations`);
    const done = new Set(rows.map(({ version }) => version));
    for (const [index, step] of steps.entries()) {
      if (!done.has(index + 1)) {
        await client.query(step(schema, channel));
        await client.query(`insert into ${schema}.migrations (version) values ($1)`, [index + 1]);
      }
    }
    await client.query("commit");
  });
}
