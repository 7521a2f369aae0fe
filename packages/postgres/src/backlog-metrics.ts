// How much waits in the outbox, and for how long, for whoever collects metrics.

import { metrics, type ObservableResult } from "@opentelemetry/api";
import { metricNames } from "@throughline/core";
import type { Backlog } from "./outbox-relay.ts";

/** Returns how to end it. */
export function measureBacklog(service: string, backlog: () => Backlog): () => void {
  const meter = metrics.getMeter("@throughline/postgres");
  const attributes = { "service.name": service };
  const waiting = meter.createObservableGauge(metricNames.outboxWaiting, {
    description: "Events that have committed and are not published yet",
    unit: "{event}",
  });
  const age = meter.createObservableGauge(metricNames.outboxAge, {
    description: "Age of the oldest event that waits",
    unit: "s",
  });
  const observeWaiting = (result: ObservableResult) => result.observe(backlog().waiting, attributes);
  const observeAge = (result: ObservableResult) => result.observe(backlog().oldestMs / 1_000, attributes);
  waiting.addCallback(observeWaiting);
  age.addCallback(observeAge);
  return () => {
    waiting.removeCallback(observeWaiting);
    age.removeCallback(observeAge);
  };
}
