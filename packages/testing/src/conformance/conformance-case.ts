// What a transport under test brings along, and the form of one promise that is held to it.

import type { Logger, Transport, TransportFeature } from "@throughline/core";

/** What a subject can do beyond what every transport has to. An undeclared gap fails, and so does an undeclared gift. */
export type Capability =
  | TransportFeature
  /** `interrupt` cuts every connection for a while. */
  | "interruption";

export interface ConformanceSubject {
  readonly name: string;
  readonly capabilities: readonly Capability[];
  /** A transport to the one broker under test; each service gets one of its own, by default patient with publications. */
  createTransport(options?: { readonly publishTimeoutMs?: number }): Transport;
  /** Takes the broker away in the middle of everything, and brings it back. */
  interrupt?(): Promise<void>;
  /**
   * Faults happen all the time, such as leaders that are killed: what was delivered may come again, so "once" becomes
   * "at least once" and nothing is promised about durations.
   */
  readonly disturbed?: boolean;
  /** Where `disturbed`: holds the faults off, with every part of the broker up, until it is disposed. */
  calm?(): Promise<AsyncDisposable>;
  /** Default: says nothing. */
  readonly logger?: Logger;
}

/** One promise. `run` rejects where it is broken. */
export interface ConformanceCase {
  /** A sentence that follows the subject's name. */
  readonly title: string;
  /** Without it, `refused` has to hold instead where it is given; otherwise the case is skipped and counted. */
  readonly needs?: Capability;
  /** Is about what a fault may lose, such as a question that is asked at most once: faults are held off meanwhile. */
  readonly needsCalm?: boolean;
  readonly timeoutMs?: number;
  run(subject: ConformanceSubject): Promise<void>;
  /** What a transport without `needs` has to do: refuse clearly. */
  refused?(subject: ConformanceSubject): Promise<void>;
}
