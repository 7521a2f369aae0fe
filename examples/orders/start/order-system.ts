// The whole reference system: a broker, and five services as separate processes.

import { join } from "node:path";
import { buildJourney, type Journey } from "@throughline/journeys";
import { openStoredEvents, type StoredEventsReader } from "@throughline/nats";
import { type ProvidedNats, provideNats } from "@throughline/servers";
import { report, runStep } from "./progress.ts";
import { type ServiceName, ServiceProcess, serviceNames } from "./service-process.ts";

export interface SystemOptions {
  /** Where streams and logs are kept. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  /** Settings for single services, as environment variables. */
  readonly serviceEnv?: Partial<Record<ServiceName, Readonly<Record<string, string>>>>;
}

export interface Broker {
  readonly url: string;
  readonly version: string;
  /** Where the server came from: `NATS_URL`, or how packages/servers found it. */
  readonly source: string;
}

export interface OrderSystem extends AsyncDisposable {
  readonly broker: Broker;
  readonly gatewayUrl: string;
  readonly folder: string;
  readonly services: ReadonlyMap<ServiceName, ServiceProcess>;
  readonly events: StoredEventsReader;
  /** Starts a service again after it was killed. */
  relaunch(name: ServiceName): Promise<ServiceProcess>;
}

/** What the gateway answers to a placed order. */
export interface PlacedOrder {
  readonly orderId: string;
  readonly correlationId: string;
  readonly traceId: string;
}

const contexts = ["orders", "inventory", "payments", "notifications"];

/** Resolves when all five services are ready; on failure nothing is left running. */
export async function startOrderSystem(options: SystemOptions): Promise<OrderSystem> {
  await using cleanup = new AsyncDisposableStack();
  const broker = cleanup.use(await startBroker(options));
  const events = cleanup.use(await openStoredEvents(broker.url));
  const launch = (name: ServiceName) =>
    new ServiceProcess(name, {
      logFile: join(options.folder, "logs", `${name}.log`),
      env: { NATS_URL: broker.url, ...options.serviceEnv?.[name] },
    });
  const services = new Map(serviceNames.map((name) => [name, launch(name)]));
  cleanup.defer(async () => {
    await Promise.all([...services.values()].map((service) => service.stop()));
  });
  const [listening] = await runStep("five services", () =>
    Promise.all([...services.values()].map((service) => service.ready())),
  );
  const owned = cleanup.move();
  return {
    broker: { url: broker.url, source: broker.source, version: events.serverVersion },
    gatewayUrl: String(listening?.url),
    folder: options.folder,
    services,
    events,
    async relaunch(name) {
      const service = launch(name);
      services.set(name, service);
      await service.ready();
      return service;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function startBroker({ env, folder }: SystemOptions): Promise<ProvidedNats> {
  const dataFolder = join(folder, "nats");
  return runStep("nats-server", () => provideNats({ dataFolder, env, onProgress: (step) => report(`  ${step} …`) }));
}

/** Places an order through HTTP. Rejects with the gateway's answer when it is refused. */
export async function placeOrder(gatewayUrl: string, order: object): Promise<PlacedOrder> {
  const response = await fetch(`${gatewayUrl}/orders`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(order),
  });
  if (response.status !== 202) {
    throw new Error(`The gateway answered ${response.status}: ${await response.text()}`);
  }
  return (await response.json()) as PlacedOrder;
}

/** The journey of an order as it is stored at the moment. */
async function readJourney(system: OrderSystem, { orderId, correlationId }: PlacedOrder): Promise<Journey> {
  return buildJourney(correlationId, await system.events.eventsOfKey(contexts, orderId));
}

/** An order is done when the customer was told, and what was reserved for a cancelled one is released. */
export function isComplete({ events }: Journey): boolean {
  const types = new Set(events.map(({ type }) => type));
  const released = !types.has("payments.declined") || types.has("inventory.released");
  return (
    types.has("notifications.sent") && (types.has("orders.confirmed") || types.has("orders.cancelled")) && released
  );
}

/** The journey once it is complete, or as far as it came in `timeoutMs`. */
export async function followJourney(system: OrderSystem, placed: PlacedOrder, timeoutMs: number): Promise<Journey> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const journey = await readJourney(system, placed);
    if (isComplete(journey) || performance.now() > deadline) {
      return journey;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
