// A running system for a test, and what the tests ask of it.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NatsServer } from "@throughline/servers";
import pg from "pg";
import { expect } from "vitest";
import {
  followJourney,
  isComplete,
  type OrderSystem,
  type PlacedOrder,
  type SystemOptions,
  startOrderSystem,
} from "../start/order-system.ts";
import type { ServiceName } from "../start/service-process.ts";

export const order = {
  customerId: "customer-1",
  items: [
    { sku: "coffee-beans", quantity: 2 },
    { sku: "filter-paper", quantity: 1 },
  ],
  paymentMethod: "card-visa",
};

/** Its folder goes away with it. */
export async function startSystem(
  server: NatsServer,
  options: Pick<SystemOptions, "serviceEnv" | "jaeger"> = {},
): Promise<OrderSystem> {
  const folder = await mkdtemp(join(tmpdir(), "throughline-system-"));
  const system = await startOrderSystem({ folder, env: { NATS_URL: server.url }, ...options });
  const stop = system[Symbol.asyncDispose];
  return {
    ...system,
    [Symbol.asyncDispose]: async () => {
      await stop();
      await rm(folder, { recursive: true });
    },
  };
}

/** The types of its events, once the order is done. */
export async function typesOf(system: OrderSystem, placed: PlacedOrder, timeoutMs = 20_000): Promise<string[]> {
  const journey = await followJourney(system, placed, timeoutMs);
  expect(isComplete(journey)).toBe(true);
  return journey.events.map(({ type }) => type);
}

/** Asks a service's own database, as no other service may. */
export async function ask<Row>(system: OrderSystem, service: ServiceName, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: system.databases.urls[service] });
  await client.connect();
  try {
    return (await client.query(text)).rows as Row[];
  } finally {
    await client.end();
  }
}

/** Tells the card processor what goes wrong from now on. */
export async function breakProcessor(system: OrderSystem, faults: object): Promise<void> {
  const response = await fetch(`${system.cardProcessorUrl}/faults`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(faults),
  });
  expect(response.status).toBe(200);
}

export async function ledgerOf(system: OrderSystem): Promise<{ kind: string; key: string; amountCents?: number }[]> {
  return (await (await fetch(`${system.cardProcessorUrl}/ledger`)).json()) as never;
}
