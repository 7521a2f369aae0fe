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

const prefix = "$JS.ACK.";
const dot = 0x2e;
/** Tokens behind the prefix: without domain and account, and with them (a random token may follow). */
const shortForm = 7;
const longForm = 9;
const maxTokens = 10;

/** Where the tokens of the reply at hand begin; reused, because this runs for every delivery. */
const starts = new Array<number>(maxTokens + 1).fill(0);

/** Undefined for a reply subject that is no JetStream ack subject. */
export function parseAckReply(reply: string): AckReply | undefined {
  if (!reply.startsWith(prefix)) {
    return undefined;
  }
  let tokens = 1;
  starts[0] = prefix.length;
  for (let index = prefix.length; index < reply.length; index++) {
    if (reply.charCodeAt(index) === dot) {
      if (tokens === maxTokens) {
        break;
      }
      starts[tokens++] = index + 1;
    }
  }
  if (tokens < shortForm) {
    return undefined;
  }
  const first = tokens >= longForm ? 2 : 0;
  const begin = (token: number) => starts[first + token] as number;
  return {
    stream: reply.slice(begin(0), begin(1) - 1),
    deliveries: numberBetween(reply, begin(2), begin(3) - 1),
    streamSequence: numberBetween(reply, begin(3), begin(4) - 1),
    consumerSequence: numberBetween(reply, begin(4), begin(5) - 1),
    // Nanoseconds, of which the last six digits are less than a millisecond.
    storedAtMs: numberBetween(reply, begin(5), begin(6) - 1 - 6),
  };
}

function numberBetween(text: string, start: number, end: number): number {
  let value = 0;
  for (let index = start; index < end; index++) {
    value = value * 10 + text.charCodeAt(index) - 0x30;
  }
  return value;
}
