// Events that wait for their time, in memory: one per schedule subject, a later one takes the place of the earlier.

import { ThroughlineError } from "@throughline/contracts";
import type { Clock } from "../clock.ts";
import type { MessageSchedule } from "../publishing/schedule.ts";
import type { OutgoingMessage, PublishReceipt } from "../transport.ts";
import type { MemoryStream } from "./memory-stream.ts";

export class MemorySchedules {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, () => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws BUS_FEATURE_UNSUPPORTED for cron */
  set(stream: MemoryStream, message: OutgoingMessage, { subject, timing }: MessageSchedule): PublishReceipt {
    if (!("atMs" in timing)) {
      throw new ThroughlineError("BUS_FEATURE_UNSUPPORTED", "The memory transport has no cron schedules.", {
        details: { feature: "cron" },
        remedy: "Test recurring schedules on a real nats-server 2.14 or newer.",
      });
    }
    this.cancel(subject);
    const headers = new Map(message.headers).set("nats-scheduler", subject).set("nats-schedule-next", "purge");
    const delayMs = Math.max(0, timing.atMs - this.#clock.now());
    const cancel = this.#clock.schedule(delayMs, () => {
      this.#waiting.delete(subject);
      stream.store({ ...message, headers }, this.#clock.now());
    });
    this.#waiting.set(subject, cancel);
    return { stream: stream.name, sequence: 0, duplicate: false };
  }

  cancel(subject: string): boolean {
    this.#waiting.get(subject)?.();
    return this.#waiting.delete(subject);
  }
}
