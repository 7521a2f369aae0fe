// The facts about an event that travel beside its data.

/** The envelope of one event; on the wire these are CloudEvents attributes. */
export interface EventEnvelope<Type extends string = string> {
  /** UUIDv7, unique per event; repeated deliveries and retried publications carry the same id. */
  readonly id: string;
  /** `<context>.<event>` */
  readonly type: Type;
  /** The contract version that the data was written in. */
  readonly version: number;
  /** `/<service>` that published the event. */
  readonly source: string;
  /** When the event was created, RFC 3339 in UTC. */
  readonly time: string;
  /** The aggregate id; order is kept per key. */
  readonly key: string;
  /** The journey: the id of the event that began it. */
  readonly correlationId: string;
  /** The id of the event that caused this one; absent on the event that began the journey. */
  readonly causationId?: string | undefined;
  /** W3C trace context of the hop that published the event. */
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}
