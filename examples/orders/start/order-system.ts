// The whole reference system: a broker, a database for each service, five services and the card processor that they ask, all
// as separate processes.

import { join } from "node:path";
import { findJourney, type Journey } from "@throughline/journeys";
import { openStoredEvents, type StoredEventsReader } from "@throughline/nats";
import {
  findFreePorts,
  type ProvidedJaeger,
  type ProvidedNats,
  type ProvidedPostgres,
  provideJaeger,
  provideNats,
  providePostgres,
} from "@throughline/servers";
import { report, runStep } from "./progress.ts";
import { type ProcessName, type ServiceName, ServiceProcess, serviceNames } from "./service-process.ts";

export interface SystemOptions {
  /** Where streams, databases and logs are kept. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  /** Whether the services send their traces to a Jaeger that runs beside them. Default false. */
  readonly jaeger?: boolean;
  /** Settings for single processes, as environment variables. */
  readonly serviceEnv?: Partial<Record<ProcessName, Readonly<Record<string, string>>>>;
}

export interface SystemServer {
  readonly url: string;
  readonly version: string;
  /** Where the server came from: the environment, or how packages/servers found it. */
  readonly source: string;
}

export interface OrderSystem extends AsyncDisposable {
  readonly broker: SystemServer;
  readonly databases: Omit<SystemServer, "url"> & { readonly urls: Readonly<Record<ServiceName, string>> };
  readonly jaeger: ProvidedJaeger | undefined;
  readonly gatewayUrl: string;
  readonly cardProcessorUrl: string;
  readonly folder: string;
  readonly services: ReadonlyMap<ProcessName, ServiceProcess>;
  readonly events: StoredEventsReader;
  /** Starts a process again after it was killed. */
  relaunch(name: ProcessName): Promise<ServiceProcess>;
}

/** What the gateway answers to a placed order. */
export interface PlacedOrder {
  readonly orderId: string;
  readonly correlationId: string;
  readonly traceId: string;
}

const pollMs = 20;
/** Resolves when all processes are ready; on failure nothing is left running. */
export async function startOrderSystem(options: SystemOptions): Promise<OrderSystem> {
  await using cleanup = new AsyncDisposableStack();
  const starting = [startBroker(options), startDatabases(options), startTraces(options)] as const;
  cleanup.defer(async () => {
    for (const started of await Promise.allSettled(starting)) {
      await (started.status === "fulfilled" && started.value?.[Symbol.asyncDispose]());
    }
  });
  const [broker, postgres, jaeger] = await Promise.all(starting);
  const events = cleanup.use(await openStoredEvents(broker.url));
  const urls = await nameDatabases(postgres);
  const [port = 0] = await findFreePorts(1);
  const cardProcessorUrl = `http://127.0.0.1:${port}`;
  const settings = (name: ProcessName): Readonly<Record<string, string>> =>
    name === "card-processor"
      ? {
          CARD_PROCESSOR_PORT: String(port),
          CARD_PROCESSOR_LEDGER: join(options.folder, "card-processor-ledger.jsonl"),
        }
      : { NATS_URL: broker.url, DATABASE_URL: urls[name], CARD_PROCESSOR_URL: cardProcessorUrl };
  const tracing = sendTraces(jaeger);
  const launch = (name: ProcessName) =>
    new ServiceProcess(name, {
      logFile: join(options.folder, "logs", `${name}.log`),
      env: { ...settings(name), ...tracing, ...options.serviceEnv?.[name] },
    });
  const names: readonly ProcessName[] = ["card-processor", ...serviceNames];
  const services = new Map(names.map((name) => [name, launch(name)]));
  cleanup.defer(async () => {
    await Promise.all([...services.values()].map((service) => service.stop()));
  });
  const [, listening] = await runStep("five services and a card processor", () =>
    Promise.all([...services.values()].map((service) => service.ready())),
  );
  const owned = cleanup.move();
  return {
    broker: { url: broker.url, source: broker.source, version: events.serverVersion },
    databases: { urls, source: postgres.source, version: postgres.version },
    jaeger,
    gatewayUrl: String(listening?.url),
    cardProcessorUrl,
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

function startDatabases({ env, folder }: SystemOptions): Promise<ProvidedPostgres> {
  return runStep("Postgres", () => providePostgres({ dataFolder: join(folder, "postgres"), env }));
}

async function startTraces({ env, jaeger = false }: SystemOptions): Promise<ProvidedJaeger | undefined> {
  return jaeger
    ? runStep("Jaeger", () => provideJaeger({ env, onProgress: (step) => report(`  ${step} …`) }))
    : undefined;
}

/** Settings that send the traces of a process to Jaeger, which takes nothing else, soon after each span's end. */
export function sendTraces(jaeger: ProvidedJaeger | undefined): Readonly<Record<string, string>> {
  return jaeger === undefined
    ? {}
    : {
        OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.otlpEndpoint,
        OTEL_METRICS_EXPORTER: "none",
        OTEL_LOGS_EXPORTER: "none",
        OTEL_BSP_SCHEDULE_DELAY: "200",
      };
}

async function nameDatabases(postgres: ProvidedPostgres): Promise<Readonly<Record<ServiceName, string>>> {
  const entries = await Promise.all(serviceNames.map(async (name) => [name, await postgres.database(name)] as const));
  return Object.fromEntries(entries) as Record<ServiceName, string>;
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

/** An order is done when the customer was told, and what was reserved for a cancelled one is released. */
export function isComplete({ events }: Journey): boolean {
  const types = new Set(events.map(({ type }) => type));
  const released = !types.has("payments.declined") || types.has("inventory.released");
  return (
    types.has("notifications.sent") && (types.has("orders.confirmed") || types.has("orders.cancelled")) && released
  );
}

/** The journey once it is complete, or as far as it came in `timeoutMs`. Rejects when not even its first event is stored. */
export async function followJourney(system: OrderSystem, placed: PlacedOrder, timeoutMs: number): Promise<Journey> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await findJourney(system.events, placed.orderId);
    const isOver = performance.now() > deadline;
    if (found !== undefined && (isComplete(found.journey) || isOver)) {
      return found.journey;
    }
    if (isOver) {
      throw new Error(`${placed.orderId} was accepted, and no stream holds it after ${timeoutMs} ms.`);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
