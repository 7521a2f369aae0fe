// `npm run bench`: ours beside the raw client in one run. `--only <name>` runs one measurement, `--json` prints one JSON
// object on standard output; `npm run bench -- peers` measures the rivals. Each measurement runs in a process of its own,
// so that none warms up another.

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runScript } from "./run-script.ts";

const measurements = {
  publish: async () => (await import("./measure-publish.ts")).measurePublish(),
  consume: async () => (await import("./measure-consume.ts")).measureConsume(),
  latency: async () => (await import("./measure-latency.ts")).measureLatency(),
  boot: async () => (await import("./measure-boot.ts")).measureBoot(),
  versions: async () => (await import("./measure-versions.ts")).measureVersions(),
  store: async () => (await import("./measure-store.ts")).measureStore(),
  telemetry: async () => (await import("./measure-telemetry.ts")).measureTelemetry(),
  journeys: async () => (await import("./measure-journeys.ts")).measureJourneys(),
  images: async () => (await import("./measure-images.ts")).measureImages(),
  memory: async () => (await import("./measure-memory.ts")).measureMemory(),
  subscriptions: async () => (await import("./measure-subscriptions.ts")).measureSubscriptions(),
} as const satisfies Record<string, () => Promise<object>>;
/** Installs what it measures, so it runs only when asked for by name. */
const onRequest = {
  peers: async () => (await import("./measure-peers.ts")).measurePeers(),
} as const satisfies Record<string, () => Promise<object>>;
const all = { ...measurements, ...onRequest };
type Name = keyof typeof all;

const usage = `usage: npm run bench [-- ${Object.keys(onRequest).join("|")}] [--only ${Object.keys(measurements).join("|")}] [--json]`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: "string" },
      json: { type: "boolean", default: false },
      inside: { type: "boolean", default: false },
    },
  });
  const asked = [...positionals, ...(values.only === undefined ? [] : [values.only])];
  if (asked.some((name) => !(name in all))) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  const names = (asked.length === 0 ? Object.keys(measurements) : asked) as Name[];
  if (values.inside && names[0] !== undefined) {
    process.stdout.write(JSON.stringify(await all[names[0]]()));
    return 0;
  }
  const results: Record<string, object> = {};
  for (const name of names) {
    process.stderr.write(`measuring ${name} …\n`);
    results[name] = await measureInProcess(name);
  }
  process.stdout.write(values.json ? `${JSON.stringify(results)}\n` : formatTable(results));
  return 0;
}

async function measureInProcess(name: Name): Promise<object> {
  return JSON.parse(await runScript(fileURLToPath(import.meta.url), ["--only", name, "--inside"])) as object;
}

function formatTable(results: Record<string, object>): string {
  return Object.entries(results)
    .map(([name, figures]) => {
      const rows = Object.entries(figures).map(
        ([figure, value]) => `  ${figure.padEnd(24)}${formatValue(value).padStart(10)}`,
      );
      return `${name}\n${rows.join("\n")}\n`;
    })
    .join("\n");
}

function formatValue(value: unknown): string {
  return typeof value === "object" && value !== null
    ? Object.entries(value)
        .map(([name, figure]) => `${name} ${figure}`)
        .join(", ")
    : String(value);
}

process.exitCode = await main();
