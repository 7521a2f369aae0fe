// Hostile bytes through a real server; the nightly run feeds many more (`npm run fuzz`).

import { nats } from "@throughline/nats";
import { findServersToTest, startNatsServer } from "@throughline/servers";
import { fuzzWire } from "@throughline/testing";
import { describe, expect, test as vitestTest } from "vitest";

const inputs = 5_000;

describe.each(await findServersToTest())("on $name", ({ server: found }) => {
  vitestTest.skipIf(found === undefined)(
    `${inputs} hostile messages: each is handled or among the dead letters with its reason`,
    { timeout: 180_000 },
    async () => {
      await using server = await startNatsServer({ ...(found && { server: found }), config: "max_payload: 2MB" });
      const transport = () => nats({ servers: server.url });
      const result = await fuzzWire({ transport, url: server.url, inputs, seed: 1 });
      expect(result.violations).toEqual([]);
      expect(result.stored).toBe(result.handled + result.deadLetters);
      expect(result.stored).toBeGreaterThan(inputs * 0.9);
      expect(result.heapGrowthBytes).toBeLessThan(32 * 1_048_576);
      expect(Object.keys(result.byKind).length).toBeGreaterThan(25);
    },
  );
});
