// Feeds a service hostile messages through a real server, drawn from a seed, and names every one that did not end as it has to.
//
//   npm run fuzz -- [--inputs 100000] [--seed 1] [--json] [--verbose]

import { parseArgs } from "node:util";
import { nats } from "@throughline/nats";
import { startNatsServer } from "@throughline/servers";
import { fuzzWire } from "@throughline/testing";

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});
const [inputs, seed] = [wholeNumber("inputs", values.inputs), wholeNumber("seed", values.seed)];
const progressEveryMs = 2_000;
const maxHeapGrowthBytes = 64 * 1_048_576;

const startedAt = performance.now();
let lastProgressAt = startedAt;
await using server = await startNatsServer({ config: "max_payload: 2MB" });
const result = await fuzzWire({
  transport: () => nats({ servers: server.url }),
  url: server.url,
  inputs,
  seed,
  isVerbose: values.verbose,
  onProgress: (published) => {
    if (performance.now() - lastProgressAt > progressEveryMs) {
      lastProgressAt = performance.now();
      process.stderr.write(`  … ${published} of ${inputs} messages\n`);
    }
  },
});
const violations =
  result.heapGrowthBytes > maxHeapGrowthBytes
    ? [...result.violations, `the heap grew by ${result.heapGrowthBytes} bytes`]
    : result.violations;
const seconds = Number(((performance.now() - startedAt) / 1_000).toFixed(1));
if (values.json) {
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

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    process.stderr.write(`--${name} is a whole number from 1; found "${text}"\n`);
    process.exit(2);
  }
  return value;
}
