// A message as it goes over the wire, before and after a transport touches it.

/** Header names in lower case (the names that NATS itself reserves keep their case); values are single. */
export type WireHeaders = ReadonlyMap<string, string>;

export interface WireMessage {
  readonly subject: string;
  readonly headers: WireHeaders;
  readonly body: Uint8Array;
}
