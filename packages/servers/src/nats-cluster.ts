// Three nats-servers that form one cluster with replicated JetStream.

import { findNatsServer } from "./find-nats-server.ts";
import { createServer, findPorts, type NatsServer, type NatsServerOptions } from "./nats-server.ts";

export interface NatsCluster extends AsyncDisposable {
  readonly servers: readonly [NatsServer, NatsServer, NatsServer];
  /** The addresses of all three, separated by commas, as `NATS_URL` takes them. */
  readonly url: string;
}

export interface NatsClusterOptions extends Omit<NatsServerOptions, "dataFolder"> {
  /** Whether clients learn the addresses of all members from one. Default true; false where they go through proxies. */
  readonly advertise?: boolean;
}

/** Resolves when every member is ready and a meta leader is elected. @throws ServersError */
export async function startNatsCluster(options: NatsClusterOptions = {}): Promise<NatsCluster> {
  const found = options.server ?? (await findNatsServer(options));
  const ports = await Promise.all([findPorts(), findPorts(), findPorts()]);
  const routes = ports.map(({ route }) => route);
  const create = (index: 0 | 1 | 2) =>
    createServer(found, options, ports[index], {
      name: `n${index + 1}`,
      cluster: "throughline",
      routes,
      ...(options.advertise === false && { advertise: false }),
    });
  const servers = await Promise.all([create(0), create(1), create(2)]);
  const dispose = async () => {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  };
  try {
    await Promise.all(servers.map((server) => server.start()));
  } catch (error) {
    await dispose();
    throw error;
  }
  return { servers, url: servers.map(({ url }) => url).join(","), [Symbol.asyncDispose]: dispose };
}
