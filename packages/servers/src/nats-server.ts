// Starts a real nats-server with JetStream on free ports of the loopback interface, and ends it for sure.

import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FindOptions, type FoundServer, findNatsServer } from "./find-nats-server.ts";
import { findFreePorts } from "./free-ports.ts";
import { GuardedProcess } from "./guarded-process.ts";
import { ServersError } from "./servers-error.ts";

export interface NatsServerOptions extends FindOptions {
  /** A server found before; found anew when left out. */
  readonly server?: FoundServer;
  /** Where streams are kept. Default: a temporary folder that goes away with the server. */
  readonly dataFolder?: string;
  /** Further lines of nats-server configuration, such as limits or accounts. */
  readonly config?: string;
}

/** A server that belongs to this process: it ends with it, however that ends. */
export interface NatsServer extends AsyncDisposable {
  /** `nats://127.0.0.1:<port>` */
  readonly url: string;
  /** `http://127.0.0.1:<port>`, the server's monitoring. */
  readonly monitorUrl: string;
  readonly version: string;
  readonly source: FoundServer["source"];
  readonly dataFolder: string;
  readonly logFile: string;
  readonly pid: number | undefined;
  /** Ends the server by SIGTERM; its data and ports stay for `start`. */
  stop(): Promise<void>;
  /** Ends the server by SIGKILL, as a crash does. */
  kill(): Promise<void>;
  /** Starts a stopped or killed server again on its ports and data; resolves when JetStream is ready. */
  start(): Promise<void>;
  /** `stop` and `start`. */
  restart(): Promise<void>;
  /** SIGSTOP and SIGCONT: the server hangs, its connections stay open. */
  pause(): void;
  resume(): void;
}

const readyTimeoutMs = 20_000;
const readyPollMs = 15;
const portTries = 3;

/** Name and routes of one member of a cluster. */
export interface ClusterMember {
  readonly name: string;
  readonly cluster: string;
  readonly routes: readonly number[];
  /** Whether clients are told of the other members. Default true. */
  readonly advertise?: boolean;
}

export interface ServerPorts {
  readonly client: number;
  readonly monitor: number;
  readonly route: number;
}

/** @throws ServersError SERVERS_NOT_FOUND, SERVERS_START_FAILED */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const found = options.server ?? (await findNatsServer(options));
  for (let attempt = 1; ; attempt++) {
    const ports = await findPorts();
    const server = await createServer(found, options, ports);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      const portTaken = error instanceof ServersError && error.message.includes("address already in use");
      if (!portTaken || attempt === portTries) {
        throw error;
      }
    }
  }
}

export async function findPorts(): Promise<ServerPorts> {
  const [client = 0, monitor = 0, route = 0] = await findFreePorts(3);
  return { client, monitor, route };
}

/** A server that is configured and not started yet. */
export async function createServer(
  found: FoundServer,
  options: NatsServerOptions,
  ports: ServerPorts,
  member?: ClusterMember,
): Promise<NatsServer> {
  const temporary = await mkdtemp(join(tmpdir(), "throughline-nats-"));
  const process = new GuardedProcess(temporary);
  const dataFolder = options.dataFolder ?? join(temporary, "data");
  await mkdir(dataFolder, { recursive: true });
  const configFile = join(temporary, "nats-server.conf");
  const logFile = join(temporary, "nats-server.log");
  await writeFile(configFile, formatConfig(ports, dataFolder, options.config, member));
  const monitorUrl = `http://127.0.0.1:${ports.monitor}`;

  const start = async () => {
    try {
      await process.start({ command: found.path, args: ["-c", configFile], logFile });
      await waitUntilReady(process, monitorUrl, member !== undefined);
    } catch (cause) {
      const log = await readFile(logFile, "utf8").catch(() => "");
      const lastLines = log.trimEnd().split("\n").slice(-5).join("\n");
      throw new ServersError("SERVERS_START_FAILED", `${found.path} did not become ready:\n${lastLines}`, [], cause);
    }
  };
  const stop = () => process.end("SIGTERM");
  return {
    url: `nats://127.0.0.1:${ports.client}`,
    monitorUrl,
    version: found.version,
    source: found.source,
    dataFolder,
    logFile,
    get pid() {
      return process.pid;
    },
    start,
    stop,
    kill: () => process.end("SIGKILL"),
    restart: async () => {
      await stop();
      await start();
    },
    pause: () => process.signal("SIGSTOP"),
    resume: () => process.signal("SIGCONT"),
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

function formatConfig(ports: ServerPorts, dataFolder: string, extra = "", member?: ClusterMember): string {
  const lines = [
    ...(member === undefined ? [] : [`server_name: "${member.name}"`]),
    'host: "127.0.0.1"',
    `port: ${ports.client}`,
    `http: "127.0.0.1:${ports.monitor}"`,
    `jetstream { store_dir: ${JSON.stringify(dataFolder)} }`,
  ];
  if (member !== undefined) {
    const routes = member.routes.map((port) => `"nats://127.0.0.1:${port}"`).join(", ");
    const advertise = member.advertise === false ? ", no_advertise: true" : "";
    const listen = `listen: "127.0.0.1:${ports.route}"`;
    lines.push(`cluster { name: "${member.cluster}", ${listen}, routes: [${routes}]${advertise} }`);
  }
  return `${lines.join("\n")}\n${extra}\n`;
}

/** `/healthz` answers ok once JetStream has recovered its streams; a cluster member also waits for a meta leader. */
async function waitUntilReady(process: GuardedProcess, monitorUrl: string, inCluster: boolean): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs;
  while (Date.now() < deadline) {
    if (process.hasExited) {
      throw new Error("it exited");
    }
    if ((await isHealthy(monitorUrl)) && (!inCluster || (await hasMetaLeader(monitorUrl)))) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, readyPollMs));
  }
  throw new Error(`not ready within ${readyTimeoutMs} ms`);
}

function isHealthy(monitorUrl: string): Promise<boolean> {
  return fetch(`${monitorUrl}/healthz`, { signal: AbortSignal.timeout(2_000) }).then(
    async (response) => response.ok && ((await response.json()) as { status?: string }).status === "ok",
    () => false,
  );
}

function hasMetaLeader(monitorUrl: string): Promise<boolean> {
  return fetch(`${monitorUrl}/jsz`, { signal: AbortSignal.timeout(2_000) }).then(
    async (response) =>
      Boolean(((await response.json()) as { meta_cluster?: { leader?: string } }).meta_cluster?.leader),
    () => false,
  );
}
