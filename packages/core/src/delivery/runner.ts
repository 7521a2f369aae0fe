// What a service does with each of its subscriptions, however that one is spread.

import type { ConsumptionHealth, Delivery } from "../transport.ts";

export interface Runner {
  readonly durable: string;
  start(): Promise<void>;
  health(): ConsumptionHealth;
  /** Stops pulling, waits for handlers up to `graceMs`, gives back the rest. */
  stop(graceMs: number): Promise<void>;
  acceptRedriven(delivery: Delivery): void;
}
