// What is noted at the broker about events that are not done, so that the next process that gets one knows what became of
// it: failures, deliveries given back, trials of suspects. Whatever cannot be noted costs precision, never an event.

import type { Clock } from "../clock.ts";
import type { Subscription } from "../service.ts";
import type { Logger } from "../telemetry/logger.ts";
import { errorType } from "../telemetry/tracing.ts";
import type { TransportConnection } from "../transport.ts";
import type { Handling } from "./handling.ts";

export interface NotesParts {
  readonly subscription: Subscription;
  readonly connection: TransportConnection;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Giving back goes on without notes when they take longer than this. */
const noteAtMostMs = 2_000;

export class AttemptNotes {
  readonly #parts: NotesParts;

  constructor(parts: NotesParts) {
    this.#parts = parts;
  }

  /** Finds out what earlier deliveries came to. */
  async learn(handling: Handling): Promise<void> {
    const { connection, subscription, logger } = this.#parts;
    try {
      handling.learn((await connection.attempts.read(subscription.durable, handling.delivery.storedAt)) ?? "none");
    } catch (error) {
      handling.learn("unreadable");
      logger.warn({ err: error }, "earlier attempts are not known; each delivery counts as one");
    }
  }

  async failed(handling: Handling, error: Error): Promise<void> {
    handling.countFailure();
    await this.#write(handling, error);
  }

  async postponed(handling: Handling, error: Error): Promise<void> {
    handling.countPostponement();
    await this.#write(handling, error);
  }

  async trialBegins(handling: Handling): Promise<void> {
    handling.beginTrial();
    await this.#write(handling);
  }

  /** An acknowledgement may get lost; that must not look like another death. */
  trialEnded(handling: Handling): void {
    if (handling.isOnTrial) {
      handling.endTrial();
      void this.#write(handling);
    }
  }

  /** Nobody tried them: a delivery that comes again without a reason looks like the death of a process. */
  async returned(handlings: readonly Handling[]): Promise<void> {
    const notes = handlings.map(async (handling) => {
      if (!handling.isKnown) {
        await this.learn(handling);
      }
      if (handling.isOnTrial) {
        handling.endTrial();
      }
      handling.countReturn();
      await this.#write(handling);
    });
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const cancel = this.#parts.clock.schedule(noteAtMostMs, resolve);
    await Promise.race([Promise.all(notes), over]);
    cancel();
  }

  async #write(handling: Handling, error?: Error): Promise<void> {
    const { connection, subscription, clock, logger } = this.#parts;
    const record = handling.record(clock.now(), error && { name: errorType(error), message: error.message });
    try {
      await connection.attempts.write(subscription.durable, handling.delivery.storedAt, record);
    } catch (failure) {
      logger.warn({ err: failure }, "an attempt could not be noted; it will not count after a redelivery");
    }
  }
}
