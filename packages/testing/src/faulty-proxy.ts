// A TCP proxy on loopback that loses what is on its way: the fault that killing a server on the same machine rarely shows.

import { type AddressInfo, createConnection, createServer, type Socket } from "node:net";

export interface FaultyProxy extends AsyncDisposable {
  readonly port: number;
  /** For `lossMs` nothing comes back from the server any more; then every connection is cut. New ones work at once. */
  loseAndCut(lossMs: number): Promise<void>;
  /** Connections stay open, and nothing passes until `resume`; nothing is lost. */
  pause(): void;
  resume(): void;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

/** Forwards connections on a free port of 127.0.0.1 to another port of it. */
export async function startFaultyProxy(targetPort: number): Promise<FaultyProxy> {
  const pairs = new Set<Pair>();
  let losing = false;
  let paused = false;
  const listener = createServer((client) => {
    const server = createConnection({ port: targetPort, host: "127.0.0.1" });
    const pair = { client, server };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.once("close", end);
      socket.on("error", end);
      if (paused) {
        socket.pause();
      }
    }
    client.on("data", (data) => server.write(data));
    server.on("data", (data) => {
      if (!losing) {
        client.write(data);
      }
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    for (const { client, server } of pairs) {
      client.destroy();
      server.destroy();
    }
  };
  const setPaused = (value: boolean) => {
    paused = value;
    for (const socket of [...pairs].flatMap(({ client, server }) => [client, server])) {
      value ? socket.pause() : socket.resume();
    }
  };
  return {
    port: (listener.address() as AddressInfo).port,
    async loseAndCut(lossMs) {
      losing = true;
      await new Promise((resolve) => setTimeout(resolve, lossMs));
      cut();
      losing = false;
    },
    pause: () => setPaused(true),
    resume: () => setPaused(false),
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
