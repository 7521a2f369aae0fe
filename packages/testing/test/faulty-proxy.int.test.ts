// The proxy does to real connections what it says.

import { once } from "node:events";
import { type AddressInfo, createConnection, createServer, type Socket } from "node:net";
import { eventually, type FaultyProxy, startFaultyProxy } from "@throughline/testing";
import { afterAll, beforeAll, expect, test } from "vitest";

const echo = createServer((socket) => {
  socket.on("error", () => undefined);
  socket.pipe(socket);
});
let proxy: FaultyProxy;

beforeAll(async () => {
  await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
  proxy = await startFaultyProxy((echo.address() as AddressInfo).port);
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  echo.close();
});

async function openClient(): Promise<{ socket: Socket; heard: () => string; failure: () => string | undefined }> {
  const socket = createConnection({ port: proxy.port, host: "127.0.0.1" });
  let heard = "";
  let failure: string | undefined;
  socket.setEncoding("utf8").on("data", (text: string) => {
    heard += text;
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    failure = error.code;
  });
  await once(socket, "connect");
  return { socket, heard: () => heard, failure: () => failure };
}

test("delays each piece in both directions and keeps their order, also when the delay ends", async () => {
  const { socket, heard } = await openClient();
  proxy.delay(60);
  const startedAt = performance.now();
  for (let n = 0; n < 20; n++) {
    socket.write(String(n % 10));
    await new Promise((resolve) => setImmediate(resolve));
  }
  proxy.delay(0);
  socket.write("x");
  await eventually(() => heard().length === 21);
  expect(heard()).toBe("01234567890123456789x");
  expect(performance.now() - startedAt).toBeGreaterThan(55);
  socket.destroy();
});

test("resets connections, and new ones work", async () => {
  const first = await openClient();
  first.socket.write("a");
  await eventually(() => first.heard() === "a");
  proxy.reset();
  await eventually(() => first.failure() === "ECONNRESET");
  const second = await openClient();
  second.socket.write("b");
  await eventually(() => second.heard() === "b");
  second.socket.destroy();
});

test("loses nothing while it stands still, and everything that comes back while it loses", async () => {
  const { socket, heard } = await openClient();
  socket.write("a");
  await eventually(() => heard() === "a");
  proxy.pause();
  socket.write("b");
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(heard()).toBe("a");
  proxy.resume();
  await eventually(() => heard() === "ab");
  const losing = proxy.loseAndCut(50);
  socket.write("c");
  await losing;
  await once(socket, "close");
  expect(heard()).toBe("ab");
});
