// Where this package leans on what nats.js keeps inside: the raw bytes of a received message's headers and subject, and
// headers that come already encoded. Each saves a conversion per message; tests hold nats.js to them.

import { Buffer } from "node:buffer";
import type { Msg, MsgHdrs } from "@nats-io/nats-core";

interface ReceivedMessage {
  readonly _msg: { readonly hdr: number; readonly subject: Uint8Array };
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

/** The decimal number at the end of the subject, read from its bytes; NaN where there is none. */
export function numberAtSubjectEnd(message: Msg): number {
  const { subject } = (message as unknown as ReceivedMessage)._msg;
  let value = 0;
  let factor = 1;
  for (let index = subject.length - 1; index >= 0; index--) {
    const digit = (subject[index] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) {
      break;
    }
    value += digit * factor;
    factor *= 10;
  }
  return factor === 1 ? Number.NaN : value;
}

/** The body as text, for JSON of the server's own. */
export function textOf({ data }: Msg): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString();
}
