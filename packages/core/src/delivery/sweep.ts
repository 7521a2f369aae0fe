// One timer for all deliveries of a subscription: extends what is held, and ends attempts that are over their time.

import { ThroughlineError } from "@throughline/contracts";
import type { Clock } from "../clock.ts";
import type { AttemptRunner } from "./attempt-runner.ts";
import type { UnderWay } from "./under-way.ts";

export interface SweepParts {
  readonly clock: Clock;
  readonly underWay: UnderWay;
  readonly attempts: AttemptRunner;
  readonly ackWaitMs: number;
  readonly timeoutMs: number;
}

/** A delivery is extended at the latest two of these after its arrival, and the third one is what may get lost. */
const sweepsPerAckWait = 3;
const sweepsPerTimeout = 4;
const minIntervalMs = 10;

/** Returns the end of it. */
export function sweepRegularly(parts: SweepParts): () => void {
  const { clock, ackWaitMs, timeoutMs } = parts;
  const extendAfterMs = ackWaitMs / sweepsPerAckWait;
  const intervalMs = Math.max(minIntervalMs, Math.min(extendAfterMs, timeoutMs / sweepsPerTimeout));
  let cancel: () => void = () => undefined;
  const schedule = () => {
    cancel = clock.schedule(intervalMs, () => {
      sweep(parts, extendAfterMs);
      schedule();
    });
  };
  schedule();
  return () => cancel();
}

function sweep({ clock, underWay, attempts, timeoutMs }: SweepParts, extendAfterMs: number): void {
  const now = clock.now();
  for (const handling of underWay.all()) {
    if (handling.running !== undefined && now >= handling.running.deadlineMs) {
      const error = new ThroughlineError("BUS_HANDLER_TIMEOUT", `The handler took longer than ${timeoutMs} ms.`);
      attempts.expire(handling, error);
    } else if (now - handling.lastExtendedMs >= extendAfterMs) {
      handling.lastExtendedMs = now;
      handling.delivery.extend();
    }
  }
}
