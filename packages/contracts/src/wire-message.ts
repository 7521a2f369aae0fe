// A message as it goes over the wire, before and after a transport touches it.

/** Header names in lower case (the names that NATS itself reserves keep their case); values are single. */
export type WireHeaders = ReadonlyMap<string, string>;

export interface WireMessage {
  readonly subject: string;
  readonly headers: WireHeaders;
  readonly body: Uint8Array;
}

/** Where and when a message was stored; stands in for attributes that a sender outside the toolkit left out. */
export interface StoredAt {
  readonly stream: string;
  readonly sequence: number;
  readonly timeMs: number;
}

/** A message with its place in a stream. */
export interface StoredWireMessage {
  readonly message: WireMessage;
  readonly storedAt: StoredAt;
}
