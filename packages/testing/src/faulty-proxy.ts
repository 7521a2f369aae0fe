// A TCP proxy on loopback that does what networks do: loses what is on its way, stands still, is slow, breaks off. Killing a
// server on the same machine rarely shows any of it.

import { type AddressInfo, createConnection, createServer, type Socket } from "node:net";

export interface FaultyProxy extends AsyncDisposable {
  readonly port: number;
  /** For `lossMs` nothing comes back from the server any more; then every connection is cut. New ones work at once. */
  loseAndCut(lossMs: number): Promise<void>;
  /** Connections stay open, and nothing passes until `resume`; nothing is lost. */
  pause(): void;
  resume(): void;
  /** Ends every connection at once, by RST. New ones work. */
  reset(): void;
  /** From now on each piece takes so much longer, in both directions, in order. 0 ends it. */
  delay(ms: number): void;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

/** Forwards connections on a free port of 127.0.0.1 to another port of it. */
export async function startFaultyProxy(targetPort: number): Promise<FaultyProxy> {
  const pairs = new Set<Pair>();
  let isLosing = false;
  let isPaused = false;
  let delayMs = 0;
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
      if (isPaused) {
        socket.pause();
      }
    }
    client.on(
      "data",
      inOrder(() => delayMs, server),
    );
    const back = inOrder(() => delayMs, client);
    server.on("data", (data) => {
      if (!isLosing) {
        back(data);
      }
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const sockets = () => [...pairs].flatMap(({ client, server }) => [client, server]);
  const cut = () => {
    for (const socket of sockets()) {
      socket.destroy();
    }
  };
  const setPaused = (value: boolean) => {
    isPaused = value;
    for (const socket of sockets()) {
      value ? socket.pause() : socket.resume();
    }
  };
  return {
    port: (listener.address() as AddressInfo).port,
    async loseAndCut(lossMs) {
      isLosing = true;
      await new Promise((resolve) => setTimeout(resolve, lossMs));
      cut();
      isLosing = false;
    },
    pause: () => setPaused(true),
    resume: () => setPaused(false),
    reset() {
      for (const socket of sockets()) {
        socket.resetAndDestroy();
      }
    },
    delay(ms) {
      delayMs = ms;
    },
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}

/** Passes pieces on, each after the delay of its time, none before the one that came before it. */
function inOrder(delayMs: () => number, to: Socket): (data: Buffer) => void {
  const waiting: { readonly data: Buffer; readonly dueMs: number }[] = [];
  const pass = () => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const leftMs = next.dueMs - performance.now();
      if (leftMs > 0) {
        setTimeout(pass, leftMs);
        return;
      }
      waiting.shift();
      to.write(next.data);
    }
  };
  return (data) => {
    if (delayMs() === 0 && waiting.length === 0) {
      to.write(data);
      return;
    }
    waiting.push({ data, dueMs: performance.now() + delayMs() });
    if (waiting.length === 1) {
      pass();
    }
  };
}
