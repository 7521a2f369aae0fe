// The reply subject of a delivered message, which holds its metadata.
// `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<ns>.<pending>`, newer with domain and account
// hash behind `$JS.ACK` and a token at the end.

export interface AckReply {
  readonly stream: string;
  readonly deliveries: number;
  readonly streamSequence: number;
  readonly consumerSequence: number;
  readonly storedAtMs: number;
}

/** Undefined for a reply subject that is no JetStream ack subject. */
export function parseAckReply(reply: string): AckReply | undefined {
  const tokens = reply.split(".");
  if (tokens[0] !== "$JS" || tokens[1] !== "ACK" || tokens.length < 9) {
    return undefined;
  }
  const offset = tokens.length >= 11 ? 4 : 2;
  const nanoseconds = tokens[offset + 5] ?? "";
  return {
    stream: tokens[offset] ?? "",
    deliveries: Number(tokens[offset + 2]),
    streamSequence: Number(tokens[offset + 3]),
    consumerSequence: Number(tokens[offset + 4]),
    storedAtMs: Number(nanoseconds.slice(0, -6)),
  };
}
