// How long a process takes from its start to its first handled message: a bare nats.js script, a packed service, and the
// same with the whole OpenTelemetry SDK on. All three are bundled the same way and run in turns.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { startNatsServer } from "@throughline/servers";
import { rolldown } from "rolldown";
import { createOrder } from "./order-contract.ts";
import { median, round } from "./statistics.ts";

export interface BootFigures {
  readonly rawMs: number;
  readonly throughlineMs: number;
  readonly ratio: number;
  readonly withTelemetryMs: number;
  readonly ratioWithTelemetry: number;
}

const rounds = 15;
const warmUps = 2;

export async function measureBoot(): Promise<BootFigures> {
  const folder = await mkdtemp(join(tmpdir(), "throughline-bench-"));
  await using server = await startNatsServer();
  const collector = createServer((request, response) => request.resume().on("end", () => response.end()));
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
  const address = collector.address();
  const endpoint = `http://127.0.0.1:${typeof address === "object" ? address?.port : address}`;
  try {
    const raw = await bundle("raw-service", folder);
    const service = await bundle("throughline-service", folder);
    await storeOrders(server.url, rounds + warmUps);
    const env = { NATS_URL: server.url, NODE_COMPILE_CACHE: join(folder, "compile-cache") };
    const samples = { raw: [] as number[], throughline: [] as number[], telemetry: [] as number[] };
    for (let round = 0; round < rounds + warmUps; round++) {
      const rawMs = await timeToFirstMessage(raw, env);
      const throughlineMs = await timeToFirstMessage(service, env);
      const telemetryMs = await timeToFirstMessage(service, { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
      if (round >= warmUps) {
        samples.raw.push(rawMs);
        samples.throughline.push(throughlineMs);
        samples.telemetry.push(telemetryMs);
      }
    }
    const [rawMs, throughlineMs, withTelemetryMs] = [samples.raw, samples.throughline, samples.telemetry].map(
      median,
    ) as [number, number, number];
    return {
      rawMs: round(rawMs, 1),
      throughlineMs: round(throughlineMs, 1),
      ratio: round(throughlineMs / rawMs),
      withTelemetryMs: round(withTelemetryMs, 1),
      ratioWithTelemetry: round(withTelemetryMs / rawMs),
    };
  } finally {
    collector.closeAllConnections();
    collector.close();
    await rm(folder, { recursive: true });
  }
}

async function bundle(name: string, folder: string): Promise<string> {
  const input = fileURLToPath(new URL(`./boot/${name}.ts`, import.meta.url));
  const build = await rolldown({
    input,
    platform: "node",
    resolve: { conditionNames: ["throughline-source"] },
    logLevel: "silent",
  });
  const dir = join(folder, name);
  await build.write({
    dir,
    format: "esm",
    minify: true,
    entryFileNames: "main.mjs",
    chunkFileNames: "[name]-[hash].mjs",
  });
  await build.close();
  return join(dir, "main.mjs");
}

/** Enough messages for every run of the raw script and for the service, each with a durable consumer of its own. */
async function storeOrders(url: string, count: number): Promise<void> {
  const connection = await connect({ servers: url });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: "ORDERS", subjects: ["orders.>"] });
  const acks = { ack_policy: "explicit" as const };
  await manager.consumers.add("ORDERS", { durable_name: "raw-boot", ...acks });
  for (let number = 0; number < count * 200; number++) {
    await jetstream(connection).publish(`orders.placed.order-${number}`, JSON.stringify(createOrder(number)));
  }
  await connection.close();
}

function timeToFirstMessage(script: string, env: Record<string, string>): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [script], {
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  return new Promise((resolve, reject) => {
    let firstMs: number | undefined;
    child.stdout.on("data", () => {
      firstMs ??= performance.now() - startedAt;
    });
    child.once("exit", (code) => {
      if (firstMs === undefined || code !== 0) {
        reject(new Error(`${script} ended with ${code} and ${firstMs === undefined ? "no" : "a"} first message`));
      } else {
        resolve(firstMs);
      }
    });
  });
}
