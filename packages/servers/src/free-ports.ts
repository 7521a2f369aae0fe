// Ports on loopback that nobody uses at the moment. Another process may take one before the server does: who starts a
// server tries again with others then. They are outside of the range that systems hand out by themselves (from 32768 on
// Linux, from 49152 elsewhere), so no proxy and no outgoing connection gets one of them by chance.

import { randomInt } from "node:crypto";
import { createServer } from "node:net";

const firstPort = 20_000;
const endPort = 32_000;
const maxTries = 100;

export async function findFreePorts(count: number): Promise<number[]> {
  const holders = await Promise.all(Array.from({ length: count }, holdAnyPort));
  await Promise.all(holders.map(({ release }) => release()));
  return holders.map(({ port }) => port);
}

interface HeldPort {
  readonly port: number;
  release(): Promise<void>;
}

async function holdAnyPort(): Promise<HeldPort> {
  for (let tries = 1; ; tries++) {
    try {
      return await holdPort(randomInt(firstPort, endPort));
    } catch (error) {
      if (tries === maxTries) {
        throw error;
      }
    }
  }
}

function holdPort(port: number): Promise<HeldPort> {
  return new Promise((resolve, reject) => {
    // Somebody may still try to reach who had this port before; a connection would keep it from being released.
    const server = createServer((socket) => socket.destroy());
    server.on("error", reject);
    server.listen(port, "127.0.0.1", () => {
      resolve({ port, release: () => new Promise((released) => server.close(() => released())) });
    });
  });
}
