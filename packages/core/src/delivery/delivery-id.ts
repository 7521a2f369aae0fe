// Tells messages of one subscription apart by a number.

import { redriveStream } from "../dead-letters/redrive-message.ts";
import type { Delivery } from "../transport.ts";

/** The sequence in the subscription's stream; redriven events have sequences of their own, here below zero. */
export function idOf({ storedAt }: Delivery): number {
  return storedAt.stream === redriveStream.name ? -storedAt.sequence : storedAt.sequence;
}
