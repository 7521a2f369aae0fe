// One publication on its way to being confirmed. Its key is held until then, so that no later one of the key overtakes it.

import type { ThroughlineError } from "@throughline/contracts";
import type { LaneTask, PublishReceipt } from "@throughline/core";

/** One message, ready for the wire. */
export interface Frame {
  readonly subject: string;
  readonly headerBlock: string;
  readonly headerBytes: number;
  readonly body: Uint8Array | string;
  readonly bodyBytes: number;
}

/** What has to be sent and confirmed. */
export interface Sending extends Frame {
  readonly messageId: string;
  /** What the server counts against its limit; of a batch, the largest message. */
  readonly bytes: number;
  /** An atomic batch instead of one message: asked anew for each try, since each needs an id of its own. */
  readonly batch?: () => readonly Frame[];
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
