// What telemetry costs: publishing and handling without an SDK, with one span in ten and with every span, metrics on, in a
// process each, exported to a receiver that throws everything away.

import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { defineService, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { startNatsServer } from "@throughline/servers";
import { startTelemetry } from "@throughline/telemetry";
import { measureRate } from "./bench-system.ts";
import { createOrder, OrderPlaced } from "./order-contract.ts";
import { runScript } from "./run-script.ts";
import { median, round } from "./statistics.ts";

interface Rates {
  readonly publish: number;
  readonly consume: number;
}

export interface TelemetryFigures {
  /** Events a second. */
  readonly without: Rates;
  readonly tenth: Rates;
  readonly all: Rates;
  /** Shares of the throughput that telemetry takes. */
  readonly tenthCost: Rates;
  readonly allCost: Rates;
}

const count = 60_000;
const rounds = 3;
const window = 1_024;
const modes = {
  without: { OTEL_SDK_DISABLED: "true" },
  tenth: { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.1" },
  all: { OTEL_TRACES_SAMPLER: "parentbased_always_on" },
} as const;

export async function measureTelemetry(): Promise<TelemetryFigures> {
  await using server = await startNatsServer();
  const receiver = createServer((request, response) => {
    request.resume().on("end", () => response.end());
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const address = receiver.address();
  const endpoint = `http://127.0.0.1:${typeof address === "object" ? address?.port : address}`;
  const samples = { without: [] as Rates[], tenth: [] as Rates[], all: [] as Rates[] };
  for (let turn = 0; turn < rounds; turn++) {
    for (const mode of ["without", "tenth", "all"] as const) {
      const env = { ...process.env, ...modes[mode], OTEL_EXPORTER_OTLP_ENDPOINT: endpoint };
      const output = await runScript(fileURLToPath(import.meta.url), [server.url, `${mode}-${turn}`], env);
      samples[mode].push(JSON.parse(output) as Rates);
    }
  }
  receiver.close();
  const middle = (rates: readonly Rates[]): Rates => ({
    publish: Math.round(median(rates.map(({ publish }) => publish))),
    consume: Math.round(median(rates.map(({ consume }) => consume))),
  });
  const [without, tenth, all] = [middle(samples.without), middle(samples.tenth), middle(samples.all)];
  const cost = (rates: Rates): Rates => ({
    publish: round(1 - rates.publish / without.publish),
    consume: round(1 - rates.consume / without.consume),
  });
  return { without, tenth, all, tenthCost: cost(tenth), allCost: cost(all) };
}

if (import.meta.main) {
  const [url = "", name = ""] = process.argv.slice(2);
  await using _telemetry = await startTelemetry({ service: "bench" });
  const settings = { transport: nats({ servers: url, maxInFlight: window }), logger: silentLogger, signals: false };
  await using publisher = await run(defineService("bench", { publishes: [OrderPlaced] }), settings);
  const send = (number: number) => publisher.publish(OrderPlaced, createOrder(number));
  await measureRate(count / 4, window, send);
  const publish = await measureRate(count, window, send);
  let handled = 0;
  let startedAt = 0;
  const { promise: done, resolve } = Promise.withResolvers<number>();
  const reader = defineService("reader").on(OrderPlaced, { name, concurrency: 256 }, () => {
    handled++;
    if (handled === count / 4) {
      startedAt = performance.now();
    } else if (handled === count) {
      resolve(performance.now());
    }
  });
  await using _reader = await run(reader, settings);
  const endedAt = await done;
  const consume = ((count - count / 4) / (endedAt - startedAt)) * 1_000;
  process.stdout.write(JSON.stringify({ publish, consume }));
}
