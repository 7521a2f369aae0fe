// Asks the server every few seconds how a durable consumer is, and tells what is not as it should be.

import type { SubscriptionTopology } from "@throughline/core";
import { assessConsumer, type ConsumerFacts, type ConsumerFinding } from "./consumer-assessment.ts";
import type { ApiAnswer, JetStreamApi } from "./jetstream-api.ts";

export interface ConsumerWatchParts {
  readonly api: JetStreamApi;
  readonly subscription: SubscriptionTopology;
  /** A number that stays the same while a request of ours waits at the server and nothing comes; undefined without one. */
  readonly openRequest: () => number | undefined;
  /** Not asked while this is false: the connection is down, or the consumer is being restored. */
  readonly isSteady: () => boolean;
  readonly onFinding: (finding: ConsumerFinding) => void;
}

/** A change from outside is noticed within 10 s; more often would cost a server with a thousand subscriptions much. */
const roundMs = 7_000;
const firstRoundMs = 200;
/** What the server has sent may not be here yet: that nobody asks has to be so twice before it counts. */
const suspicionMs = 1_000;

export class ConsumerWatch {
  readonly #parts: ConsumerWatchParts;
  #timer: NodeJS.Timeout;
  #facts: ConsumerFacts | undefined;
  /** The request that the server seemed to know nothing of. */
  #suspect: number | undefined;
  #stopped = false;

  constructor(parts: ConsumerWatchParts) {
    this.#parts = parts;
    this.#timer = setTimeout(() => void this.#round(), firstRoundMs);
  }

  /** As of the last round. */
  get facts(): ConsumerFacts | undefined {
    return this.#facts;
  }

  /** The durable was made anew or set back: what is known of it holds no more. */
  forget(): void {
    this.#facts = undefined;
  }

  /** Asks now; undefined when the server does not answer. */
  async look(): Promise<{ finding: ConsumerFinding; answer: ApiAnswer<ConsumerFacts> } | undefined> {
    const { api, subscription, openRequest } = this.#parts;
    const openBefore = openRequest();
    const { stream, durable } = subscription;
    const answer = await api.consumerInfo<ConsumerFacts>(stream, durable).catch(() => undefined);
    if (answer === undefined) {
      return undefined;
    }
    // A request that was made, or answered, in the meantime may not have been counted.
    const asking = openBefore !== undefined && openBefore === openRequest();
    const finding = assessConsumer(answer, this.#facts, asking);
    if (answer.ok) {
      this.#facts = answer.result;
    }
    return { finding, answer };
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #round(): Promise<void> {
    let nextMs = roundMs * (0.9 + 0.2 * Math.random());
    if (this.#parts.isSteady()) {
      const seen = await this.look();
      if (seen !== undefined && !this.#stopped && this.#parts.isSteady()) {
        const { onFinding, openRequest } = this.#parts;
        const suspect = seen.finding.kind === "stalled" ? openRequest() : undefined;
        if (suspect !== undefined && suspect !== this.#suspect) {
          nextMs = suspicionMs;
        } else {
          onFinding(seen.finding);
        }
        this.#suspect = suspect;
      }
    }
    if (!this.#stopped) {
      this.#timer = setTimeout(() => void this.#round(), nextMs);
    }
  }
}
