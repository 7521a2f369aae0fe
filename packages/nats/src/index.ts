// Public surface of @throughline/nats.

export { type NatsOptions, nats } from "./nats-transport.ts";
export type { StreamOptions } from "./provisioning.ts";
export type { ConsumerPolicy } from "./pull-consumption.ts";
export { type DurableState, openStoredEvents, type StoredEventsReader } from "./read-stored-events.ts";
