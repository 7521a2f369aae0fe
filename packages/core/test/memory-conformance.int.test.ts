// The memory transport is held to the same promises as a real server.

import { testConformance } from "@throughline/testing";
import { describe, test } from "vitest";
import { createMemoryTransport } from "../src/index.ts";

describe("the memory transport", () => {
  const capabilities = ["atomic-batch", "schedule", "fleet-pause", "partitions"] as const;
  const transport = createMemoryTransport();
  const runner = { together: test.concurrent, alone: test, skip: test.skip };
  testConformance(runner, capabilities, () => ({ name: "memory", capabilities, createTransport: () => transport }));
});
