// Starts a real Jaeger with its traces in memory, on free ports of the loopback interface, and ends it for sure.

import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePorts } from "../free-ports.ts";
import { GuardedProcess } from "../guarded-process.ts";
import { ServersError } from "../servers-error.ts";
import { type FindJaegerOptions, type FoundJaeger, findJaeger } from "./find-jaeger.ts";
import type { ProvidedJaeger } from "./provide-jaeger.ts";

export interface JaegerOptions extends FindJaegerOptions {
  /** A program found before; found anew when left out. */
  readonly found?: FoundJaeger;
  /** The port of its web page and query API. Default: any that is free. */
  readonly port?: number;
}

/** A server that belongs to this process: it ends with it, however that ends. */
export interface JaegerServer extends ProvidedJaeger {
  readonly source: FoundJaeger["source"];
  readonly logFile: string;
}

interface JaegerPorts {
  readonly otlp: number;
  readonly query: number;
  readonly queryGrpc: number;
  readonly health: number;
}

const readyTimeoutMs = 30_000;
const readyPollMs = 50;
const maxTraces = 100_000;

/** @throws ServersError SERVERS_NOT_FOUND, SERVERS_START_FAILED */
export async function startJaeger(options: JaegerOptions = {}): Promise<JaegerServer> {
  const found = options.found ?? (await findJaeger(options));
  const [otlp = 0, anyPort = 0, queryGrpc = 0, health = 0] = await findFreePorts(4);
  const ports: JaegerPorts = { otlp, query: options.port ?? anyPort, queryGrpc, health };
  const temporary = await mkdtemp(join(tmpdir(), "throughline-jaeger-"));
  const process = new GuardedProcess(temporary);
  const logFile = join(temporary, "jaeger.log");
  const configFile = join(temporary, "jaeger.yaml");
  const url = `http://127.0.0.1:${ports.query}`;
  try {
    await writeFile(configFile, formatConfig(ports));
    await process.start({ command: found.path, args: ["--config", configFile], logFile });
    await waitUntilReady(process, url);
  } catch (cause) {
    const log = await readFile(logFile, "utf8").catch(() => "");
    await process[Symbol.asyncDispose]();
    const lastLines = log.trimEnd().split("\n").slice(-5).join("\n");
    throw new ServersError("SERVERS_START_FAILED", `${found.path} did not become ready:\n${lastLines}`, [], cause);
  }
  return {
    url,
    otlpEndpoint: `http://127.0.0.1:${ports.otlp}`,
    source: found.source,
    hasWebPage: found.source === "JAEGER_BIN",
    logFile,
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

/** @see https://www.jaegertracing.io/docs/latest/deployment/configuration/ */
function formatConfig({ otlp, query, queryGrpc, health }: JaegerPorts): string {
  return `
service:
  extensions: [jaeger_storage, jaeger_query, healthcheckv2]
  pipelines:
    traces:
      receivers: [otlp]
      processors: [batch]
      exporters: [jaeger_storage_exporter]
  telemetry:
    metrics: { level: none }
    logs: { level: warn }
extensions:
  healthcheckv2:
    use_v2: true
    http: { endpoint: "127.0.0.1:${health}" }
  jaeger_query:
    storage: { traces: memory }
    http: { endpoint: "127.0.0.1:${query}" }
    grpc: { endpoint: "127.0.0.1:${queryGrpc}" }
  jaeger_storage:
    backends:
      memory: { memory: { max_traces: ${maxTraces} } }
receivers:
  otlp:
    protocols:
      http: { endpoint: "127.0.0.1:${otlp}" }
processors:
  batch: { timeout: 200ms }
exporters:
  jaeger_storage_exporter: { trace_storage: memory }
`;
}

async function waitUntilReady(process: GuardedProcess, url: string): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs;
  while (Date.now() < deadline) {
    if (process.hasExited) {
      throw new Error("it exited");
    }
    const isReady = await fetch(`${url}/api/services`, { signal: AbortSignal.timeout(2_000) }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, readyPollMs));
  }
  throw new Error(`not ready within ${readyTimeoutMs} ms`);
}
