// `npm run test:jaeger`: one order in a real Jaeger. Where none is to be had it says so, and counts as skipped; one that is named
// and not there is a mistake.

import { findJaeger } from "@throughline/servers";
import { runSteps } from "./run-steps.ts";

const onProgress = (step: string) => process.stderr.write(`${step} …\n`);
const found = await findJaeger({ onProgress }).catch((error: Error) => error);
if (found instanceof Error) {
  const isNamed = Boolean(process.env["JAEGER_BIN"]);
  process.stderr.write(`${isNamed ? "" : "Skipped: 1 test file. "}${found.message}\n`);
  process.exitCode = isNamed ? 1 : 0;
} else {
  await runSteps([
    {
      name: "one order in Jaeger",
      command: ["node_modules/vitest/vitest.mjs", "run", "--project", "jaeger", ...process.argv.slice(2)],
    },
  ]);
}
