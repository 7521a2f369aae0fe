// The two places where this package leans on what nats.js keeps inside: a received message's raw header bytes, and
// headers that come already encoded. Both save a parse per message; a test holds nats.js to them.

import type { Msg, MsgHdrs } from "@nats-io/nats-core";

interface ReceivedMessage {
  readonly _msg: { readonly hdr: number };
  readonly _rdata: Uint8Array | undefined;
}

/** The header block as it came; undefined for a message without headers. */
export function rawHeaderBlock(message: Msg): Uint8Array | undefined {
  const { _msg, _rdata } = message as unknown as ReceivedMessage;
  return _msg.hdr > 0 ? _rdata?.subarray(0, _msg.hdr) : undefined;
}

/** Hands a finished header block to `publish`, which asks headers for nothing but their bytes. */
export function encodedHeaders(block: Uint8Array): MsgHdrs {
  return { encode: () => block } as unknown as MsgHdrs;
}
