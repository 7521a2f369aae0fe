// One publication on its way to being confirmed. Its key is held until then, so that no later one of the key overtakes it.

import type { ThroughlineError } from "@throughline/contracts";
import type { LaneTask, PublishReceipt } from "@throughline/core";

/** One message of a publication, ready for the wire. */
export interface Frame {
  readonly subject: string;
  readonly headerBlock: Uint8Array;
  readonly body: Uint8Array;
}

/** What has to be sent: one frame, or those of an atomic batch, of which the last one is answered. */
export interface Sending {
  /** For the reader of an error. */
  readonly subject: string;
  readonly messageId: string;
  readonly bytes: number;
  /** Asked anew for each try: an atomic batch needs a new batch id each time. */
  frames(): readonly Frame[];
}

export class Publication implements LaneTask {
  readonly key: string;
  readonly sending: Sending;
  readonly deadlineMs: number;
  readonly resolve: (receipt: PublishReceipt) => void;
  readonly reject: (error: ThroughlineError) => void;
  readonly #launch: (publication: Publication) => void;
  /** Number of its confirmation while it is in flight. */
  token = -1;
  tries = 0;
  resendAtMs = 0;
  settled = false;
  /** Sent, and the server has not said anything to it. */
  isOnItsWay = false;
  /** The last transient answer, told when time runs out. */
  lastAnswer = "no answer";

  constructor(
    key: string,
    sending: Sending,
    deadlineMs: number,
    launch: (publication: Publication) => void,
    resolve: (receipt: PublishReceipt) => void,
    reject: (error: ThroughlineError) => void,
  ) {
    this.key = key;
    this.sending = sending;
    this.deadlineMs = deadlineMs;
    this.#launch = launch;
    this.resolve = resolve;
    this.reject = reject;
  }

  start(): void {
    this.#launch(this);
  }
}
