// Test tiers by file name: unit tests beside the source, integration tests against real servers, the system end to end.

import { defineConfig } from "vitest/config";

const conditions = ["throughline-source"];
/** Its server takes minutes to build where none is at hand: it runs when it is asked for by name, by `npm run test:jaeger`. */
const jaeger = process.argv.includes("jaeger");
/** Servers and processes that are killed at random moments, against the clock: nothing else may run beside them. */
const alone = ["packages/nats/test/conformance-cluster.int.test.ts", "chaos/test/**/*.int.test.ts"];
const shared = {
  extends: true,
  resolve: { conditions },
  ssr: { resolve: { conditions } },
} as const;

export default defineConfig({
  test: {
    pool: "forks",
    execArgv: ["--conditions=throughline-source"],
    reporters: ["default"],
    projects: [
      { ...shared, test: { name: "unit", include: ["packages/*/src/**/*.unit.test.ts", "scripts/**/*.unit.test.ts"] } },
      {
        ...shared,
        test: {
          name: "integration",
          include: ["packages/*/test/**/*.int.test.ts"],
          exclude: alone,
          testTimeout: 60_000,
          hookTimeout: 180_000,
          maxWorkers: 2,
        },
      },
      {
        ...shared,
        test: {
          name: "system",
          include: ["examples/**/*.e2e.test.ts", "deploy/test/*.e2e.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          maxWorkers: 2,
        },
      },
      {
        ...shared,
        test: {
          name: "faults",
          include: alone,
          testTimeout: 60_000,
          hookTimeout: 180_000,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      ...(jaeger
        ? [
            {
              ...shared,
              test: {
                name: "jaeger",
                include: ["examples/**/*.jaeger.test.ts"],
                testTimeout: 60_000,
                hookTimeout: 180_000,
                sequence: { groupOrder: 2 },
              },
            },
          ]
        : []),
    ],
  },
});
