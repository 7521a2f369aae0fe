import { describe, expect, test } from "vitest";
import { simulateDelivery } from "./simulate-delivery.ts";
import type { PlantedBug } from "./simulated-transport.ts";

/** Far more run every night: `npm run simulate -- --schedules 100000`. */
const schedules = 2_000;

describe("the engine of delivery, under simulated faults", () => {
  test(`keeps every promise in ${schedules} schedules`, { timeout: 120_000 }, async () => {
    for (let seed = 1; seed <= schedules; seed++) {
      const { violations } = await simulateDelivery(seed);
      expect(violations, `seed ${seed}: npm run simulate -- --seed ${seed} --schedules 1`).toEqual([]);
    }
  });

  test("repeats itself step by step for the same seed", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const [first, second] = [await simulateDelivery(seed), await simulateDelivery(seed)];
      expect(second.trace).toEqual(first.trace);
      expect(first.trace.length).toBeGreaterThan(20);
    }
  });

  const bugs: [PlantedBug, RegExp][] = [
    ["acknowledges-early", /is gone/],
    ["ignores-keys", /of the same key|of key/],
    ["loses-credits", /credits instead of/],
    ["loses-dead-letters", /without a dead letter/],
  ];
  test.each(bugs)("finds a planted bug: one that %s", async (plantedBug, violation) => {
    const found: string[] = [];
    for (let seed = 1; seed <= 40 && found.length === 0; seed++) {
      found.push(...(await simulateDelivery(seed, { plantedBug })).violations);
    }
    expect(found.join("\n")).toMatch(violation);
  });
});
