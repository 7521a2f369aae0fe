// Looks for a server where nothing can be had: no tools on PATH, an empty cache, and a network that refuses.

import { findNatsServer, type ServersError } from "../src/index.ts";

globalThis.fetch = () => Promise.reject(new TypeError("fetch failed", { cause: new Error("the network is off") }));

try {
  const found = await findNatsServer();
  process.stdout.write(JSON.stringify(found));
} catch (error) {
  const { code, attempts, message } = error as ServersError;
  process.stdout.write(JSON.stringify({ code, sources: attempts.map(({ source }) => source), message }));
}
