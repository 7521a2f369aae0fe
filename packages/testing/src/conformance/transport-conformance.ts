// One suite for every transport: what it declares it has to do, what it does not declare it has to refuse.

import assert from "node:assert/strict";
import { transportFeatures } from "@throughline/core";
import type { Capability, ConformanceCase, ConformanceSubject } from "./conformance-case.ts";
import { deadLetterCases } from "./dead-letter-cases.ts";
import { deliveryCases } from "./delivery-cases.ts";
import { faultCases } from "./fault-cases.ts";
import { handlingCases } from "./handling-cases.ts";
import { partitionCases } from "./partition-cases.ts";
import { procedureCases } from "./procedure-cases.ts";
import { publishingCases } from "./publishing-cases.ts";
import { Scenario } from "./scenario.ts";
import { scheduleCases } from "./schedule-cases.ts";
import { versionCases } from "./version-cases.ts";

const declaredFeatures: ConformanceCase = {
  title: "declares what it can do, no more and no less",
  async run(subject) {
    await using scenario = new Scenario(subject);
    const connection = await scenario.connect();
    const found = transportFeatures.filter((feature) => connection.supports(feature));
    const declared = transportFeatures.filter((feature) => subject.capabilities.includes(feature));
    assert.deepEqual(found, declared);
  },
};

/** Every promise of the port and of what runs on it. */
export const conformanceCases: readonly ConformanceCase[] = [
  declaredFeatures,
  ...publishingCases,
  ...scheduleCases,
  ...deliveryCases,
  ...handlingCases,
  ...versionCases,
  ...deadLetterCases,
  ...partitionCases,
  ...procedureCases,
  ...faultCases,
];

/** How to register a test; Vitest: `{ together: test.concurrent, alone: test, skip: test.skip }`. */
export interface ConformanceRunner {
  /** May run beside others on the same broker. */
  together(title: string, run: () => Promise<void>, timeoutMs: number): unknown;
  /** Interrupts the broker, so nothing may run beside it. */
  alone(title: string, run: () => Promise<void>, timeoutMs: number): unknown;
  /** Counts what cannot run. */
  skip(title: string, run: () => Promise<void>): unknown;
}

/** Time for every wait of a case to be as long as `patience`, twice. */
const defaultTimeoutMs = 120_000;

/** Registers one test per promise. `open` is called when a test runs. */
export function testConformance(
  runner: ConformanceRunner,
  capabilities: readonly Capability[],
  open: () => ConformanceSubject,
): void {
  for (const promise of conformanceCases) {
    const { title, needs, timeoutMs = defaultTimeoutMs, refused } = promise;
    if (needs === undefined || capabilities.includes(needs)) {
      const register = needs === "interruption" ? runner.alone : runner.together;
      register(title, () => runCase(promise, open()), timeoutMs);
    } else if (refused !== undefined) {
      runner.together(`refuses clearly, without ${needs}: ${title}`, () => refused(open()), timeoutMs);
    } else {
      runner.skip(`${title} (needs ${needs})`, async () => undefined);
    }
  }
}

async function runCase({ needsCalm, run }: ConformanceCase, subject: ConformanceSubject): Promise<void> {
  if (needsCalm !== true || subject.calm === undefined) {
    await run(subject);
    return;
  }
  await using _calm = await subject.calm();
  await run({ ...subject, disturbed: false });
}
