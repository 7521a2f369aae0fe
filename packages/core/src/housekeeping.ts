// What a service does beside its subscriptions: takes redriven events, and sweeps up what the broker gave up. It begins
// once the service is ready, and is tried again until it works: no start waits for it or fails because of it.

import type { Clock } from "./clock.ts";
import { ExhaustedSweep } from "./dead-letters/exhausted-sweep.ts";
import { RedriveIntake } from "./delivery/redrive-intake.ts";
import type { Runner } from "./delivery/runner.ts";
import type { Service } from "./service.ts";
import type { Logger } from "./telemetry/logger.ts";
import type { TransportConnection } from "./transport.ts";

const retryMs = 10_000;

export class Housekeeping {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #starts: (() => Promise<void>)[];
  readonly #stops: (() => Promise<void>)[];
  #cancelRetry: () => void = () => undefined;
  #stopped = false;

  constructor(
    service: Service,
    runners: ReadonlyMap<string, Runner>,
    parts: { readonly connection: TransportConnection; readonly clock: Clock; readonly logger: Logger },
  ) {
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    const redrives = new RedriveIntake(parts.connection, runners, parts);
    const sweep = new ExhaustedSweep(service.name, service.subscriptions, parts);
    this.#starts = runners.size === 0 ? [] : [() => redrives.start(service.name), () => sweep.start()];
    this.#stops = [() => redrives.stop(), () => sweep.stop()];
  }

  start(): void {
    void this.#startAll();
  }

  /** Does not wait for what has not started: the connection closes soon. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRetry();
    await Promise.all(this.#stops.map((stop) => stop()));
  }

  async #startAll(): Promise<void> {
    while (this.#starts.length > 0 && !this.#stopped) {
      try {
        await this.#starts[0]?.();
        this.#starts.shift();
      } catch (error) {
        if (this.#stopped) {
          return;
        }
        this.#logger.warn({ err: error, retryMs }, "redriven and exhausted events are not looked after yet");
        await new Promise<void>((resolve) => {
          const cancel = this.#clock.schedule(retryMs, resolve);
          this.#cancelRetry = () => {
            cancel();
            resolve();
          };
        });
      }
    }
  }
}
