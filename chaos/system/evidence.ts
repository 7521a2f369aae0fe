// Everything that is written down anywhere, read after the storm: the customers' memory, the databases, the streams, the card
// processor's own ledger.

import { readFileSync } from "node:fs";
import { openStoredEvents } from "@throughline/nats";
import type { LedgerEntry } from "../../examples/orders/card-processor/ledger.ts";
import { type ServiceName, serviceNames } from "../../examples/orders/start/service-process.ts";
import { Databases } from "./databases.ts";
import { eventStreams } from "./drain.ts";
import type { Placement } from "./order-load.ts";
import type { Stage } from "./stage.ts";

export interface StoredEvent {
  readonly id: string;
  readonly type: string;
  readonly key: string;
  readonly service: string;
  readonly causationId: string | undefined;
  readonly stream: string;
  readonly sequence: number;
  readonly storedAtMs: number;
}

export interface OutboxEntry {
  readonly service: ServiceName;
  readonly id: string;
  readonly key: string;
  readonly subject: string;
  readonly position: number;
  readonly isSent: boolean;
  readonly failure: string | null;
}

export interface HandledEvent {
  readonly service: ServiceName;
  readonly durable: string;
  readonly id: string;
  readonly handledAtMs: number;
}

export interface Reservation {
  readonly orderId: string;
  readonly status: "reserved" | "refused" | "released";
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
}

export interface Evidence {
  /** Whether everybody was done when it was gathered; where not, what is missing may still come. */
  readonly isAtRest: boolean;
  readonly placements: readonly Placement[];
  readonly events: readonly StoredEvent[];
  readonly outbox: readonly OutboxEntry[];
  readonly handled: readonly HandledEvent[];
  /** By order. */
  readonly orders: ReadonlyMap<string, string>;
  readonly shown: ReadonlyMap<string, string>;
  readonly payments: ReadonlyMap<string, string>;
  readonly reservations: ReadonlyMap<string, Reservation>;
  readonly stock: readonly { readonly sku: string; readonly initial: number; readonly available: number }[];
  readonly mails: readonly { readonly orderId: string; readonly template: string }[];
  readonly ledger: readonly LedgerEntry[];
  /** `<durable> <event id>` of what is still a dead letter. */
  readonly deadLetters: ReadonlySet<string>;
}

export async function gatherEvidence(
  stage: Stage,
  placements: readonly Placement[],
  isAtRest = true,
): Promise<Evidence> {
  await using databases = await Databases.open(stage);
  const outbox: OutboxEntry[] = [];
  const handled: HandledEvent[] = [];
  for (const service of serviceNames) {
    const sent = await databases.ask<Omit<OutboxEntry, "service" | "position"> & { position: string }>(
      service,
      `select message_id as id, order_key as key, subject, position, sent_at is not null as "isSent", failure
       from ${service}.outbox order by position`,
    );
    for (const row of sent) {
      outbox.push({ ...row, service, position: Number(row.position) });
    }
    const done = await databases.ask<{ durable: string; id: string; at: string }>(
      service,
      `select durable, event_id as id, extract(epoch from handled_at) * 1000 as at from ${service}.inbox`,
    );
    for (const { durable, id, at } of done) {
      handled.push({ service, durable, id, handledAtMs: Number(at) });
    }
  }
  const statusById = async (service: ServiceName, table: string) => {
    const rows = await databases.ask<{ order_id: string; status: string }>(
      service,
      `select order_id, status from ${service}.${table}`,
    );
    return new Map(rows.map(({ order_id, status }) => [order_id, status]));
  };
  const reservations = await databases.ask<Reservation>(
    "inventory",
    `select order_id as "orderId", status, lines from inventory.reservations`,
  );
  return {
    isAtRest,
    placements,
    outbox,
    handled,
    orders: await statusById("orders", "orders"),
    shown: await statusById("gateway", "orders"),
    payments: await statusById("payments", "payments"),
    reservations: new Map(reservations.map((one) => [one.orderId, one])),
    stock: await databases.ask(
      "inventory",
      `select sku, sum(initial)::integer as initial, sum(available)::integer as available from inventory.bins group by sku`,
    ),
    mails: await databases.ask("notifications", `select order_id as "orderId", template from notifications.mails`),
    ledger: readLedger(stage.ledgerFile),
    ...(await readStreams(stage)),
  };
}

async function readStreams({ brokerUrl }: Stage): Promise<Pick<Evidence, "events" | "deadLetters">> {
  await using reader = await openStoredEvents(brokerUrl);
  const events: StoredEvent[] = [];
  for (const stream of eventStreams) {
    for (const { message, storedAt } of await reader.messages(stream, `${stream.toLowerCase()}.>`)) {
      const header = (name: string) => message.headers.get(name);
      events.push({
        id: header("ce-id") ?? "",
        type: header("ce-type") ?? "",
        key: header("ce-subject") ?? "",
        service: (header("ce-source") ?? "").slice(1),
        causationId: header("ce-causationid"),
        stream,
        sequence: storedAt.sequence,
        storedAtMs: storedAt.timeMs,
      });
    }
  }
  const letters = await reader.messages("DEAD_LETTERS", "dead.>");
  const deadLetters = letters.map(({ message }) => {
    const [, service, subscription] = message.subject.split(".");
    return `${service}-${subscription} ${message.headers.get("ce-id")}`;
  });
  return { events, deadLetters: new Set(deadLetters) };
}

function readLedger(file: string): readonly LedgerEntry[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as LedgerEntry);
}
