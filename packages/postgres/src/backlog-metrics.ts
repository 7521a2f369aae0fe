// How much waits in the outbox, and for how long, for whoever collects metrics.

import { metrics, type ObservableResult } from "@opentelemetry/api";
import type { Backlog } from "./outbox-relay.ts";

/** Returns how to end it. */
export function measureBacklog(service: string, backlog: () => Backlog): () => void {
  const meter = metrics.getMeter("@throughline/postgres");
  const attributes = { "service.name": service };
  const waiting = meter.createObservableGauge("throughline.outbox.waiting", {
    description: "Events that have committed and are not published yet",
    unit: "{event}",
  });
  const oldest = meter.createObservableGauge("throughline.outbox.oldest", {
    description: "Age of the oldest event that waits",
    unit: "ms",
  });
  const observeWaiting = (result: ObservableResult) => result.observe(backlog().waiting, attributes);
  const observeOldest = (result: ObservableResult) => result.observe(backlog().oldestMs, attributes);
  waiting.addCallback(observeWaiting);
  oldest.addCallback(observeOldest);
  return () => {
    waiting.removeCallback(observeWaiting);
    oldest.removeCallback(observeOldest);
  };
}
