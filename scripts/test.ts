// `npm test`: everything that has to hold. Quick checks first, then every test against real servers.

import { runSteps } from "./run-steps.ts";

await runSteps([
  { name: "checks", command: ["scripts/check.ts"] },
  { name: "servers to test against", command: ["scripts/prepare-servers.ts"] },
  { name: "tests", command: ["node_modules/vitest/vitest.mjs", "run", ...process.argv.slice(2)] },
  { name: "packed packages", command: ["scripts/check-packed.ts"] },
]);
