// The system under test, as it would run in production: real servers, several instances, every connection through a proxy that
// can fail, and somebody who starts again what has died.

import { join } from "node:path";
import {
  findFreePorts,
  type NatsServer,
  type PostgresServer,
  startNatsCluster,
  startNatsServer,
  startPostgres,
} from "@throughline/servers";
import { type FaultyProxy, startFaultyProxy } from "@throughline/testing";
import { type ProcessName, type ServiceName, serviceNames } from "../../examples/orders/start/service-process.ts";
import { type PlantedBug, plantedBugVariable } from "./inside/failpoints.ts";
import { SupervisedProcess } from "./supervised-process.ts";

export type Topology = "single" | "cluster";

export interface StageOptions {
  readonly folder: string;
  readonly topology: Topology;
  readonly bug?: PlantedBug | undefined;
  readonly stock: Readonly<Record<string, number>>;
  readonly orderDeadlineMs: number;
}

/** A connection between a process and what it needs. */
export interface Link {
  /** `payments-1 to postgres` */
  readonly name: string;
  readonly proxy: FaultyProxy;
}

export interface Stage extends AsyncDisposable {
  readonly brokers: readonly NatsServer[];
  /** Past all proxies. */
  readonly brokerUrl: string;
  readonly postgres: PostgresServer;
  /** Each service's own database, past all proxies. */
  readonly databaseUrls: Readonly<Record<ServiceName, string>>;
  readonly processes: readonly SupervisedProcess[];
  readonly cardProcessor: SupervisedProcess;
  readonly links: readonly Link[];
  readonly gatewayUrl: string;
  readonly cardProcessorUrl: string;
  readonly ledgerFile: string;
}

/** Two where a second one takes over what the first one cannot finish. */
const instancesOf: Readonly<Record<ServiceName, number>> = {
  gateway: 1,
  orders: 1,
  payments: 2,
  inventory: 2,
  notifications: 1,
};
const maxConnections = 250;
const register = new URL("./inside/register.ts", import.meta.url).href;

export async function buildStage({ folder, topology, bug, stock, orderDeadlineMs }: StageOptions): Promise<Stage> {
  await using cleanup = new AsyncDisposableStack();
  const postgres = cleanup.use(await startPostgres({ settings: { max_connections: String(maxConnections) } }));
  const brokers = await startBrokers(topology, cleanup);
  const entries = await Promise.all(serviceNames.map(async (name) => [name, await postgres.database(name)] as const));
  const databaseUrls = Object.fromEntries(entries) as Record<ServiceName, string>;
  const [gatewayPort = 0, processorPort = 0] = await findFreePorts(2);
  const ledgerFile = join(folder, "ledger.jsonl");
  const links: Link[] = [];
  const through = async (from: string, to: string, url: string): Promise<string> => {
    const target = new URL(url);
    const proxy = cleanup.use(await startFaultyProxy(Number(target.port)));
    links.push({ name: `${from} to ${to}`, proxy });
    target.port = String(proxy.port);
    return target.href.replace(/\/$/, "");
  };
  const supervise = (name: string, service: ProcessName, env: Readonly<Record<string, string>>) => {
    const process = new SupervisedProcess(name, service, { logFile: join(folder, "logs", `${name}.log`), env });
    cleanup.defer(() => process.stop());
    return process;
  };
  const cardProcessor = supervise("card-processor", "card-processor", {
    CARD_PROCESSOR_PORT: String(processorPort),
    CARD_PROCESSOR_LEDGER: ledgerFile,
    CARD_PROCESSOR_LATENCY_MS: "5",
  });
  const cardProcessorUrl = `http://127.0.0.1:${processorPort}`;
  const processes: SupervisedProcess[] = [];
  for (const service of serviceNames) {
    for (let instance = 1; instance <= instancesOf[service]; instance++) {
      const name = instancesOf[service] === 1 ? service : `${service}-${instance}`;
      const brokerUrls = [];
      for (const [index, { url }] of brokers.entries()) {
        brokerUrls.push(await through(name, brokers.length === 1 ? "broker" : `broker-${index + 1}`, url));
      }
      processes.push(
        supervise(name, service, {
          NODE_OPTIONS: `--import ${register}`,
          NATS_URL: brokerUrls.join(","),
          NATS_REPLICAS: String(brokers.length),
          DATABASE_URL: await through(name, "postgres", databaseUrls[service]),
          ...(service === "gateway" && { PORT: String(gatewayPort) }),
          ...(service === "payments" && {
            CARD_PROCESSOR_URL: await through(name, "card-processor", cardProcessorUrl),
          }),
          INITIAL_STOCK: JSON.stringify(stock),
          ORDER_DEADLINE_MS: String(orderDeadlineMs),
          ...(bug && { [plantedBugVariable]: bug }),
        }),
      );
    }
  }
  await Promise.all([cardProcessor, ...processes].map((process) => process.whenReady()));
  const owned = cleanup.move();
  return {
    brokers,
    brokerUrl: brokers.map(({ url }) => url).join(","),
    postgres,
    databaseUrls,
    processes,
    cardProcessor,
    links,
    gatewayUrl: `http://127.0.0.1:${gatewayPort}`,
    cardProcessorUrl,
    ledgerFile,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function startBrokers(topology: Topology, cleanup: AsyncDisposableStack): Promise<readonly NatsServer[]> {
  if (topology === "single") {
    return [cleanup.use(await startNatsServer())];
  }
  // Clients know their proxies, and nothing that goes around them.
  return cleanup.use(await startNatsCluster({ advertise: false })).servers;
}
