// Between header lists of nats.js and those of the toolkit, where speed is no matter.

import { headers as createHeaders, type Msg, type MsgHdrs } from "@nats-io/nats-core";
import type { WireHeaders } from "@throughline/contracts";
import { decodeHeaderBlock } from "./header-block.ts";
import { rawHeaderBlock } from "./raw-message.ts";

export function toMsgHeaders(headers: WireHeaders): MsgHdrs {
  const all = createHeaders();
  for (const [name, value] of headers) {
    all.set(name, value);
  }
  return all;
}

/** Names in lower case; empty for headers that cannot be read. */
export function headersOf(message: Msg): WireHeaders {
  const block = rawHeaderBlock(message);
  const reading = block === undefined ? undefined : decodeHeaderBlock(block);
  return reading !== undefined && "block" in reading ? reading.block.headers : new Map<string, string>();
}
