// What telemetry costs: publishing and handling without an SDK, with one span in ten and with every span, without metrics and
// with them, in a process each, exported to a receiver that throws everything away.

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

/** What is on beside nothing: traces alone, or with metrics. */
type Mode = "without" | "tracesTenth" | "tracesAll" | "tenth" | "all";

export interface TelemetryFigures {
  /** Events a second. */
  readonly rates: Readonly<Record<Mode, Rates>>;
  /** Shares of the throughput that each takes. */
  readonly costs: Readonly<Record<Exclude<Mode, "without">, Rates>>;
}

const count = 60_000;
const rounds = 3;
const window = 1_024;
const oneInTen = { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.1" };
const every = { OTEL_TRACES_SAMPLER: "parentbased_always_on" };
const tracesAlone = { OTEL_METRICS_EXPORTER: "none" };
const settingsOf: Readonly<Record<Mode, Readonly<Record<string, string>>>> = {
  without: { OTEL_SDK_DISABLED: "true" },
  tracesTenth: { ...oneInTen, ...tracesAlone },
  tracesAll: { ...every, ...tracesAlone },
  tenth: oneInTen,
  all: every,
};
const modes = Object.keys(settingsOf) as readonly Mode[];

export async function measureTelemetry(): Promise<TelemetryFigures> {
  await using server = await startNatsServer();
  const receiver = createServer((request, response) => {
    request.resume().on("end", () => response.end());
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const address = receiver.address();
  const endpoint = `http://127.0.0.1:${typeof address === "object" ? address?.port : address}`;
  const samples = new Map<Mode, Rates[]>(modes.map((mode) => [mode, []]));
  for (let turn = 0; turn < rounds; turn++) {
    for (const mode of modes) {
      const env = { ...process.env, ...settingsOf[mode], OTEL_EXPORTER_OTLP_ENDPOINT: endpoint };
      const output = await runScript(
        fileURLToPath(import.meta.url),
        [server.url, `${mode.toLowerCase()}-${turn}`],
        env,
      );
      samples.get(mode)?.push(JSON.parse(output) as Rates);
    }
  }
  receiver.close();
  const ofEach = <Value>(among: readonly Mode[], tell: (mode: Mode) => Value) =>
    Object.fromEntries(among.map((mode) => [mode, tell(mode)])) as Record<Mode, Value>;
  const rates = ofEach(modes, (mode) => {
    const measured = samples.get(mode) ?? [];
    return {
      publish: Math.round(median(measured.map(({ publish }) => publish))),
      consume: Math.round(median(measured.map(({ consume }) => consume))),
    };
  });
  const costs = ofEach(modes.slice(1), (mode) => ({
    publish: round(1 - rates[mode].publish / rates.without.publish),
    consume: round(1 - rates[mode].consume / rates.without.consume),
  }));
  return { rates, costs };
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
