// Where this package leans on what nats.js keeps inside: the raw bytes of a received message. Each use saves a conversion
// per message; tests hold nats.js to them.

import { Buffer, isAscii } from "node:buffer";
import type { Msg } from "@nats-io/nats-core";

interface ReceivedMessage {
  readonly _msg: { readonly hdr: number; readonly subject: Uint8Array; readonly reply?: Uint8Array };
  readonly _rdata: Uint8Array | undefined;
}

/** The header block as it came; undefined for a message without headers. */
export function rawHeaderBlock(message: Msg): Uint8Array | undefined {
  const { _msg, _rdata } = message as unknown as ReceivedMessage;
  return _msg.hdr > 0 ? _rdata?.subarray(0, _msg.hdr) : undefined;
}

/** The subject, which is ASCII or percent-encoded unless somebody sent the unusual. */
export function subjectOf(message: Msg): string {
  const { subject } = (message as unknown as ReceivedMessage)._msg;
  return isAscii(subject) ? toLatin1(subject) : message.subject;
}

/** The reply subject; empty where there is none. */
export function replyOf(message: Msg): string {
  const { reply } = (message as unknown as ReceivedMessage)._msg;
  return reply === undefined ? "" : toLatin1(reply);
}

function toLatin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
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
