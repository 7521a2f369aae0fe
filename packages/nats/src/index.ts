// Public surface of @throughline/nats.

export type { ConsumerPolicy } from "./consumer-recovery.ts";
export { type NatsOptions, nats } from "./nats-transport.ts";
export type { StreamOptions } from "./provisioning.ts";
export { type DurableState, openStoredEvents, type StoredEventsReader } from "./read-stored-events.ts";
