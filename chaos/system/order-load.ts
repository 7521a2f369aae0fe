// Customers: they order at a steady pace, some of them twice at once, and ask again under the same key until they know.

import { SeededRandom } from "@throughline/testing";

export interface LoadOptions {
  readonly gatewayUrl: string;
  readonly seed: number;
  readonly perSecond: number;
  /** No more than so many. */
  readonly maxOrders: number;
}

/** What a customer knows of one order. */
export interface Placement {
  readonly key: string;
  readonly customerId: string;
  readonly paymentMethod: string;
  /** Of every answer: more than one would be a second order. */
  readonly orderIds: Set<string>;
}

const tickMs = 20;
const maxAtOnce = 400;
const requestTimeoutMs = 8_000;
const pauseMs = 300;
const accepted = 202;

export class OrderLoad {
  readonly #options: LoadOptions;
  readonly #random: SeededRandom;
  readonly placements: Placement[] = [];
  #timer: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #underWay = 0;
  #isOver = false;
  readonly #asking = new Set<Promise<void>>();

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed ^ 0x0bde);
  }

  get accepted(): number {
    return this.placements.filter(({ orderIds }) => orderIds.size > 0).length;
  }

  get isComplete(): boolean {
    return this.placements.length >= this.#options.maxOrders;
  }

  start(): void {
    this.#startedAt = performance.now();
    this.#timer = setInterval(() => this.#placeDue(), tickMs);
  }

  /** No new orders. Resolves when every customer knows, or has asked for long enough. */
  async stop(patienceMs: number): Promise<void> {
    clearInterval(this.#timer);
    const timer = setTimeout(() => {
      this.#isOver = true;
    }, patienceMs);
    await Promise.all(this.#asking);
    clearTimeout(timer);
  }

  #placeDue(): void {
    const due = ((performance.now() - this.#startedAt) / 1_000) * this.#options.perSecond;
    while (this.placements.length < due && this.#underWay < maxAtOnce && !this.isComplete) {
      this.#placeOne();
    }
    if (this.placements.length < due) {
      // The gateway is away: customers who found no place do not all come back at once.
      this.#startedAt = performance.now() - (this.placements.length / this.#options.perSecond) * 1_000;
    }
  }

  #placeOne(): void {
    const n = this.placements.length;
    const random = this.#random;
    const paymentMethod = random.chance(0.05) ? random.pick(["card-declined", "card-expired"]) : "card-visa";
    const placement = {
      key: `chaos-${this.#options.seed}-${n}`,
      customerId: `customer-${n % 500}`,
      paymentMethod,
      orderIds: new Set<string>(),
    };
    const items = Array.from({ length: random.between(1, 3) }, () => ({
      sku: random.chance(0.03) ? "hand-grinder" : random.pick(["coffee-beans", "filter-paper", "espresso-machine"]),
      quantity: random.between(1, 4),
    }));
    this.placements.push(placement);
    const body = JSON.stringify({ customerId: placement.customerId, items, paymentMethod });
    for (let copy = random.chance(0.05) ? 2 : 1; copy > 0; copy--) {
      this.#underWay++;
      const asking = this.#askUntilKnown(placement, body).finally(() => {
        this.#underWay--;
        this.#asking.delete(asking);
      });
      this.#asking.add(asking);
    }
  }

  async #askUntilKnown({ key, orderIds }: Placement, body: string): Promise<void> {
    while (!this.#isOver) {
      try {
        const response = await fetch(`${this.#options.gatewayUrl}/orders`, {
          method: "POST",
          headers: { "content-type": "application/json", "idempotency-key": key },
          body,
          signal: AbortSignal.timeout(requestTimeoutMs),
        });
        const answer = (await response.json()) as { orderId?: string };
        if (response.status === accepted && answer.orderId !== undefined) {
          orderIds.add(answer.orderId);
          return;
        }
      } catch {
        // Nobody knows whether it was placed; the key makes asking again safe.
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
