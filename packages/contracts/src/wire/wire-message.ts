// A message as it goes over the wire, before and after a transport touches it.

/** Headers by their lower-case names; values are single. A `Map` will do. */
export interface WireHeaders extends Iterable<[string, string]> {
  readonly size: number;
  get(name: string): string | undefined;
  has(name: string): boolean;
  forEach(visit: (value: string, name: string) => void): void;
}

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
  /** What is wrong with its headers, where they could not be read; it has none then. */
  readonly malformedHeaders?: string;
  readonly storedAt: StoredAt;
}
