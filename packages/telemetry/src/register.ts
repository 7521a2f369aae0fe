// `node --import @throughline/telemetry/register app.js`: telemetry for a process that knows nothing of it. `OTEL_SERVICE_NAME`
// names the service. What is buffered is sent on every way out: the end of the work, a signal, an error that nobody caught.

import { startTelemetry, type Telemetry } from "./start-telemetry.ts";

const { OTEL_SERVICE_NAME: service = "unknown_service:node" } = process.env;
const flushTimeoutMs = 5_000;

/** What was started, for whoever wants Pino to write there as well. */
export const telemetry: Telemetry = await startTelemetry({ service });

/** A collector that does not answer does not keep the process. */
async function flush(): Promise<void> {
  await Promise.race([
    telemetry.shutdown().catch(() => undefined),
    new Promise((resolve) => setTimeout(resolve, flushTimeoutMs).unref()),
  ]);
}

if (telemetry.enabled) {
  process.once("beforeExit", () => void flush());
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    const onSignal = async () => {
      // Whoever listens as well ends the process in its own time, and passes by `beforeExit`.
      if (process.listenerCount(signal) === 0) {
        await flush();
        process.kill(process.pid, signal);
      }
    };
    process.once(signal, () => void onSignal());
  }
  process.once("uncaughtException", async (error) => {
    if (process.listenerCount("uncaughtException") > 0) {
      return;
    }
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    await flush();
    process.exit(1);
  });
}
