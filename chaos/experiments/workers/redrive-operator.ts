// Redrives everything that failed, or goes on with the redrive that was begun.

import { openDeadLetters, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { defineItem } from "@throughline/testing";
import { type CommonSettings, readSettings, sayReady } from "./worker-settings.ts";

const { url } = readSettings<CommonSettings>();
await using letters = await openDeadLetters({
  transport: nats({ servers: url }),
  operator: "chaos",
  contracts: [defineItem("items.made")],
  logger: silentLogger,
});
let job: string | undefined;
for await (const record of letters.audit()) {
  job ??= record.job;
}
const options = { onProgress: ({ redriven }: { redriven: number }) => redriven > 0 && sayReady() };
const report = await (job === undefined
  ? letters.redrive({ service: "chaos", subscription: "failing" }, options)
  : letters.resume(job, options));
process.exit(report.state === "completed" ? 0 : 1);
