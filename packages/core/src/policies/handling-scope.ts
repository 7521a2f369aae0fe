// Tells an outgoing call whether it runs inside a handler: then the handler's attempts are the only ones, and its signal
// ends the call.

import { AsyncLocalStorage } from "node:async_hooks";

/** What a call takes from the handler around it. */
export interface HandlingScope {
  readonly signal: AbortSignal;
  /** Until its deadline; undefined where it has none. */
  readonly remainingMs?: () => number;
}

export const handlingScope: AsyncLocalStorage<HandlingScope> = new AsyncLocalStorage<HandlingScope>();
