// Feeds a service hostile messages through a real server, drawn from a seed, and names every one that did not end as it has to.
//
//   npm run fuzz -- [--inputs 100000] [--seed 1] [--verbose] [--json]

import { nats } from "@throughline/nats";
import { startNatsServer } from "@throughline/servers";
import { fuzzWire } from "@throughline/testing";
import { createProgress, readSeededRun, secondsSince } from "./seeded-run.ts";

const { count: inputs, seed, flag: isVerbose, json } = readSeededRun("inputs", "100000", "verbose");
const maxHeapGrowthBytes = 64 * 1_048_576;

const startedAt = performance.now();
const showProgress = createProgress();
await using server = await startNatsServer({ config: "max_payload: 2MB" });
const result = await fuzzWire({
  transport: () => nats({ servers: server.url }),
  url: server.url,
  inputs,
  seed,
  isVerbose,
  onProgress: (published) => showProgress(() => `${published} of ${inputs} messages`),
});
const violations =
  result.heapGrowthBytes > maxHeapGrowthBytes
    ? [...result.violations, `the heap grew by ${result.heapGrowthBytes} bytes`]
    : result.violations;
const seconds = secondsSince(startedAt);
if (json) {
  process.stdout.write(`${JSON.stringify({ inputs, seed, seconds, ...result, violations })}\n`);
} else {
  const { stored, handled, deadLetters, refused } = result;
  process.stderr.write(violations.map((violation) => `${violation}\n`).join(""));
  process.stdout.write(
    `${inputs} messages from seed ${seed}: ${refused} refused by the server, ${handled} handled, ${deadLetters} dead letters` +
      ` of ${stored} stored, ${violations.length} violations, ${seconds} s\n`,
  );
}
process.exitCode = violations.length === 0 ? 0 : 1;
