// What every measurement shares: a fresh server, tracing as in production, and a way to keep a window of calls in flight.

import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace-base";

/** Every span is sampled and goes through the batch processor; only the network behind it is left out. */
export function startTracing(): void {
  const exporter: SpanExporter = {
    export: (_spans, done) => done({ code: 0 }),
    shutdown: () => Promise.resolve(),
  };
  const spanProcessors = [new BatchSpanProcessor(exporter, { maxQueueSize: 16_384, maxExportBatchSize: 1_024 })];
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors }));
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
}

/** Calls `send` for each number, never more than `window` at a time; gives calls per second. */
export async function measureRate(
  count: number,
  window: number,
  send: (n: number) => Promise<unknown>,
): Promise<number> {
  const startedAt = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < count) {
      await send(next++);
    }
  };
  await Promise.all(Array.from({ length: window }, worker));
  return (count / (performance.now() - startedAt)) * 1_000;
}
