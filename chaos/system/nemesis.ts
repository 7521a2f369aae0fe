// Does harm: one fault after another, chosen by the seed, never two at once to the same target.

import { SeededRandom } from "@throughline/testing";
import { type FaultKind, faultKinds } from "./faults.ts";
import type { Stage } from "./stage.ts";

export interface NemesisOptions {
  readonly stage: Stage;
  readonly seed: number;
  readonly everyMs: number;
  readonly report: (line: string) => void;
}

export class Nemesis {
  readonly #options: NemesisOptions;
  readonly #random: SeededRandom;
  readonly #counts = new Map<string, number>();
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #failures: unknown[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: NemesisOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
  }

  /** How often each kind has struck. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  start(): void {
    this.#timer = setInterval(() => this.#strike(), this.#options.everyMs);
  }

  /** Strikes no more; resolves when everything is mended. Rejects where that failed. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay.values());
    if (this.#failures.length > 0) {
      throw new AggregateError(this.#failures, "Faults could not be mended");
    }
  }

  #strike(): void {
    const { stage, report } = this.#options;
    // The same numbers are drawn whatever is busy, so that a seed means the same faults.
    const { kind, targets, lasts, strike } = this.#pickKind();
    const all = targets(stage);
    const target = all[this.#random.between(0, Math.max(0, all.length - 1))];
    const durationMs = this.#random.between(...lasts);
    const random = new SeededRandom(this.#random.between(0, 2 ** 31));
    if (target === undefined || this.#underWay.has(target)) {
      return;
    }
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    report(`${kind} ${target}${durationMs > 0 ? `, ${durationMs} ms` : ""}`);
    const blow = strike({ stage, target, durationMs, random })
      .catch((error: unknown) => {
        this.#failures.push(error);
      })
      .finally(() => this.#underWay.delete(target));
    this.#underWay.set(target, blow);
  }

  #pickKind(): FaultKind {
    const possible = faultKinds.filter(({ targets }) => targets(this.#options.stage).length > 0);
    const tickets = possible.flatMap((kind) => Array<FaultKind>(kind.weight).fill(kind));
    return this.#random.pick(tickets as [FaultKind, ...FaultKind[]]);
  }
}
