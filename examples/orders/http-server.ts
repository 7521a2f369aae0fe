// Listens for HTTP: on the port that was asked for, or on a well-known one where it is free.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";

export interface ListenOptions {
  readonly hostname: string;
  /** Undefined: 8080 where it is free, else any free port. A port that was asked for is never replaced. */
  readonly port: number | undefined;
}

export interface HttpServer {
  readonly url: string;
  /** Takes no new connection, ends each that is open with its answer, and waits for those. */
  close(): Promise<void>;
}

const preferredPort = 8080;
const anyFreePort = 0;

export async function startHttpServer(api: Hono, { hostname, port }: ListenOptions): Promise<HttpServer> {
  const answer = getRequestListener(api.fetch);
  let isClosing = false;
  const server = createServer((request, response) => {
    if (isClosing) {
      // Whoever keeps the connection busy would keep the server alive.
      response.setHeader("connection", "close");
    }
    void answer(request, response);
  });
  try {
    await listen(server, hostname, port ?? preferredPort);
  } catch (error) {
    if (port !== undefined || (error as NodeJS.ErrnoException).code !== "EADDRINUSE") {
      throw error;
    }
    await listen(server, hostname, anyFreePort);
  }
  const address = server.address() as AddressInfo;
  return {
    url: `http://${hostname}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        isClosing = true;
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

function listen(server: Server, hostname: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
