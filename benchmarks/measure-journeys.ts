// What it takes to find and draw one journey, with ten thousand and with a million events stored around it.

import { defineEvent, type EventEnvelope } from "@throughline/contracts";
import { defineService, run, silentLogger } from "@throughline/core";
import { findJourney, formatJourneyTree } from "@throughline/journeys";
import { nats, openStoredEvents, type StoredEventsReader } from "@throughline/nats";
import { startNatsServer } from "@throughline/servers";
import { z } from "zod";
import { fillStream } from "./fill-stream.ts";
import { OrderPlaced } from "./order-contract.ts";
import { quantile, round } from "./statistics.ts";

/** Milliseconds, median and 95th percentile, in a warm process. */
export interface LookupFigures {
  readonly p50: number;
  readonly p95: number;
}

export interface JourneyFigures {
  readonly keyAmong10k: LookupFigures;
  readonly keyAmong1M: LookupFigures;
  readonly correlationAmong1M: LookupFigures;
  /** By the id of its last event, whose id holds the time at which the journey began. */
  readonly eventAmong1M: LookupFigures;
  /** 1,000,000 stored against 10,000. */
  readonly keyRatio: number;
}

const few = 10_000;
const many = 1_000_000;
const warmUp = 30;
const lookups = 200;

const step = z.object({ orderId: z.string() });
const key = (order: { orderId: string }) => order.orderId;
const Reserved = defineEvent("inventory.reserved", { key }).version(1, step);
const Paid = defineEvent("payments.captured", { key }).version(1, step);
const Told = defineEvent("notifications.sent", { key }).version(1, step);

export async function measureJourneys(): Promise<JourneyFigures> {
  await using server = await startNatsServer();
  await fillStream(server.url, few / 2);
  const events = await makeJourney(server.url);
  await fillStream(server.url, few);
  await using reader = await openStoredEvents(server.url);
  const [first, last] = [events[0] as EventEnvelope, events.at(-1) as EventEnvelope];
  const keyAmong10k = await measure(reader, first.key);
  await fillStream(server.url, many);
  const keyAmong1M = await measure(reader, first.key);
  return {
    keyAmong10k,
    keyAmong1M,
    correlationAmong1M: await measure(reader, first.correlationId),
    eventAmong1M: await measure(reader, last.id),
    keyRatio: round(keyAmong1M.p50 / keyAmong10k.p50),
  };
}

/** Four services, one event each, in the midst of all others. */
async function makeJourney(url: string): Promise<readonly EventEnvelope[]> {
  const settings = { transport: nats({ servers: url }), logger: silentLogger, signals: false };
  const events: EventEnvelope[] = [];
  const { promise: done, resolve } = Promise.withResolvers<void>();
  // What is there already is not theirs.
  const startFrom = "new" as const;
  const inventory = defineService("inventory", { publishes: [Reserved] });
  inventory.on(OrderPlaced, { startFrom }, async ({ orderId }, context) => {
    events.push(context.event, await context.publish(Reserved, { orderId }));
  });
  const payments = defineService("payments", { publishes: [Paid] });
  payments.on(Reserved, async ({ orderId }, context) => {
    events.push(await context.publish(Paid, { orderId }));
  });
  const notifications = defineService("notifications", { publishes: [Told] });
  notifications.on(Paid, async ({ orderId }, context) => {
    events.push(await context.publish(Told, { orderId }));
    resolve();
  });
  await using _notifications = await run(notifications, settings);
  await using _payments = await run(payments, settings);
  await using _inventory = await run(inventory, settings);
  await using shop = await run(defineService("shop", { publishes: [OrderPlaced] }), settings);
  await shop.publish(OrderPlaced, { orderId: "the-one", customerId: "c", items: [], currency: "EUR" });
  await done;
  return events;
}

async function measure(reader: StoredEventsReader, id: string): Promise<LookupFigures> {
  const samples: number[] = [];
  for (let lookup = -warmUp; lookup < lookups; lookup++) {
    const startedAt = performance.now();
    const found = await findJourney(reader, id);
    const drawn = found === undefined ? "" : formatJourneyTree(found.journey);
    const tookMs = performance.now() - startedAt;
    if (found?.journey.events.length !== 4 || !drawn.includes("notifications.sent")) {
      throw new Error(`the journey of ${id} was not found: ${drawn}`);
    }
    if (lookup >= 0) {
      samples.push(tookMs);
    }
  }
  return { p50: round(quantile(samples, 0.5), 1), p95: round(quantile(samples, 0.95), 1) };
}
