// Holds the JetStream transport on one server to the conformance suite, over a network that loses what is on its way.

import { type FoundServer, type NatsServer, startNatsServer } from "@throughline/servers";
import { type Capability, type FaultyProxy, startFaultyProxy, testConformance } from "@throughline/testing";
import { afterAll, beforeAll, describe, test } from "vitest";
import { nats } from "../src/index.ts";

export const vitestRunner = { together: test.concurrent, alone: test, skip: test.skip };

export function testServer(name: string, found: FoundServer | undefined, capabilities: readonly Capability[]): void {
  describe.skipIf(found === undefined)(`JetStream on ${name}`, () => {
    let server: NatsServer;
    let proxy: FaultyProxy;
    beforeAll(async () => {
      server = await startNatsServer(found && { server: found });
      proxy = await startFaultyProxy(Number(new URL(server.url).port));
    });
    afterAll(async () => {
      await proxy[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    });

    testConformance(vitestRunner, capabilities, () => ({
      name,
      capabilities,
      createTransport: (options) => nats({ servers: `127.0.0.1:${proxy.port}`, ...options }),
      async interrupt() {
        await proxy.loseAndCut(100);
        await server.kill();
        await server.start();
      },
    }));
  });
}
