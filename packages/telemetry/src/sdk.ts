// The OpenTelemetry SDK behind startTelemetry; loaded on demand.

import { context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  defaultResource,
  detectResources,
  envDetector,
  hostDetector,
  osDetector,
  processDetector,
  type Resource,
  resourceFromAttributes,
  serviceInstanceIdDetector,
} from "@opentelemetry/resources";
import { type LogDestination, standardOutput } from "./log-destination.ts";
import { protocolOf } from "./signal-settings.ts";
import type { Telemetry } from "./start-telemetry.ts";

/** One of traces, metrics and logs, at work. */
export interface RunningSignal {
  shutdown(): Promise<void>;
}

const detectors = [envDetector, hostDetector, osDetector, processDetector, serviceInstanceIdDetector];
/** What a process was started with may hold secrets, and who runs it is nobody's business. */
const privateAttributes = ["process.command", "process.command_args", "process.owner"];

/** Metrics come first, so that the others can count what they lose. */
export async function startSdk(service: string, env: NodeJS.ProcessEnv): Promise<Telemetry> {
  const resource = await describeProcess(service);
  const running: RunningSignal[] = [];
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const [metrics, traces, logs] = [protocolOf("metrics", env), protocolOf("traces", env), protocolOf("logs", env)];
  if (metrics !== undefined) {
    const { startMetrics } = await import("./metrics-sdk.ts");
    running.push(await startMetrics(resource, metrics, env));
  }
  if (traces !== undefined) {
    const { startTracing } = await import("./tracing-sdk.ts");
    running.push(startTracing(resource, traces, env));
  }
  let destination: LogDestination = standardOutput;
  if (logs !== undefined) {
    const { startLogs } = await import("./logs-sdk.ts");
    const started = await startLogs(resource, logs, env);
    running.push(started);
    destination = started.destination;
  }
  let ending: Promise<void> | undefined;
  // Metrics go last: they count what the others still lose.
  const end = async () => {
    await Promise.allSettled(running.slice(1).map((signal) => signal.shutdown()));
    await running[0]?.shutdown().catch(() => undefined);
  };
  const shutdown = () => {
    ending ??= end();
    return ending;
  };
  return { enabled: true, logs: destination, shutdown, [Symbol.asyncDispose]: shutdown };
}

async function describeProcess(service: string): Promise<Resource> {
  const detected = detectResources({ detectors });
  await detected.waitForAsyncAttributes?.();
  const known = Object.entries(detected.attributes).filter(([name]) => !privateAttributes.includes(name));
  return defaultResource()
    .merge(resourceFromAttributes(Object.fromEntries(known)))
    .merge(resourceFromAttributes({ "service.name": service }));
}
