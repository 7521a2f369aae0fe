// What an open circuit means for a subscription that pulls: nothing starts, nothing is asked for, what nobody works on is
// given back, and what failed waits here to be the probe.

import type { Span } from "@opentelemetry/api";
import type { Clock } from "../clock.ts";
import type { BreakerPolicy } from "../policies/policy.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { SubscriptionMetrics } from "../telemetry/metrics.ts";
import { spanEventNames } from "../telemetry/telemetry-names.ts";
import { Circuit } from "./circuit.ts";
import { idOf } from "./delivery-id.ts";
import type { Handling } from "./handling.ts";
import type { Intake } from "./intake.ts";
import type { Lanes } from "./lanes.ts";

export interface GateParts {
  readonly lanes: Lanes<Handling>;
  readonly intake: Intake;
  readonly metrics: SubscriptionMetrics;
  /** Asks for nothing any more, and gives back what waits. */
  readonly closeIntake: () => void;
  /** Something that waits to run alone, which a probe does. */
  readonly takeSuspect: () => Handling | undefined;
  readonly countHeld: () => number;
  readonly closed: () => void;
}

/** So many failed events are held before the same ones are tried again: that many different ones are no accident. */
const maxHeldProbes = 16;
/** How long to wait for an event that did not fail before, so that one that always fails cannot keep the circuit open. */
const freshProbeWaitMs = 500;
/** How much longer than the time to its probe a pause of the whole fleet lasts: it ends by itself if this process dies. */
const fleetSlackMs = 5_000;

export class CircuitGate {
  readonly #circuit: Circuit;
  readonly #policy: BreakerPolicy;
  readonly #parts: GateParts;
  readonly #logger: Logger;
  readonly #clock: Clock;
  /** Failed while the circuit was open, or as its probe; the first of them is the next probe. */
  #held: Handling[] = [];
  #probe: Handling | undefined;
  /** Failed as a probe since the circuit opened. Where another event can be had, it is tried before one of these. */
  readonly #probed = new Set<Handling>();
  #cancelWait: () => void = () => undefined;
  #isHolding = false;
  #isStopped = false;

  constructor(
    policy: BreakerPolicy,
    { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
    parts: GateParts,
  ) {
    this.#policy = policy;
    this.#parts = parts;
    this.#logger = logger;
    this.#clock = clock;
    this.#circuit = new Circuit(policy, clock, {
      opened: (error) => this.#open(error),
      halfOpened: () => this.#findProbe(),
      closed: () => this.#close(),
    });
  }

  get isOpen(): boolean {
    return this.#circuit.phase !== "closed";
  }

  get problem(): string | undefined {
    return this.#circuit.problem;
  }

  isProbe(handling: Handling): boolean {
    return this.#probe === handling;
  }

  succeeded(handling: Handling): void {
    this.#circuit.succeeded(idOf(handling.delivery));
  }

  /** The dependency did answer, or was not asked at all because the event could not be read. */
  answered(handling: Handling, unreadable: boolean): void {
    if (!unreadable) {
      this.succeeded(handling);
    } else if (this.#probe === handling) {
      this.#probe = undefined;
      this.#findProbe();
    }
  }

  /** True: the event is to be held, and its attempt does not count. */
  async failed(handling: Handling, span: Span, error: Error): Promise<boolean> {
    const wasOpen = this.isOpen;
    await this.#circuit.failed(idOf(handling.delivery), error);
    if (this.isOpen) {
      span.addEvent(wasOpen ? spanEventNames.heldByCircuit : spanEventNames.circuitOpened);
    }
    return this.isOpen;
  }

  /** Waits for the circuit, as its probe or for its end. */
  hold(handling: Handling): void {
    if (this.isOpen) {
      this.#held.push(handling);
    } else {
      this.#parts.lanes.resume(handling);
    }
  }

  /** A delivery has come that may be the probe. */
  offer(): void {
    if (this.#circuit.phase === "half-open" && this.#probe === undefined && !this.#isStopped) {
      this.#findProbe();
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelWait();
    this.#circuit.stop();
  }

  #open(error: Error): void {
    const { lanes, intake, metrics, closeIntake } = this.#parts;
    const { halfOpenAfterMs, scope } = this.#policy;
    this.#probe = undefined;
    metrics.circuitEntered("open");
    this.#logger.warn(
      { err: error, halfOpenAfterMs, scope },
      "circuit opened: nothing is pulled until a probe succeeds",
    );
    if (!this.#isHolding) {
      this.#isHolding = true;
      lanes.hold();
    }
    closeIntake();
    if (scope === "fleet") {
      this.#tellFleet(() => intake.consumption?.holdFleet(halfOpenAfterMs + fleetSlackMs));
    }
  }

  #findProbe(): void {
    this.#parts.metrics.circuitEntered("half-open");
    this.#cancelWait();
    const { takeSuspect, lanes } = this.#parts;
    const fresh = this.#held.find((handling) => !this.#probed.has(handling)) ?? takeSuspect() ?? lanes.takeNext();
    if (fresh !== undefined) {
      this.#tryWith(fresh);
    } else if (this.#held.length < maxHeldProbes) {
      this.#parts.intake.askForOne();
      this.#cancelWait = this.#clock.schedule(freshProbeWaitMs, () => this.#tryAgainWith(this.#held[0]));
    } else {
      this.#tryAgainWith(this.#held[0]);
    }
  }

  #tryAgainWith(handling: Handling | undefined): void {
    if (handling !== undefined && this.#probe === undefined && this.#circuit.phase === "half-open") {
      this.#tryWith(handling);
    }
  }

  #tryWith(handling: Handling): void {
    this.#cancelWait();
    this.#held = this.#held.filter((held) => held !== handling);
    this.#probe = handling;
    this.#probed.add(handling);
    this.#circuit.beginProbe(idOf(handling.delivery));
    this.#logger.info({ streamSequence: handling.delivery.storedAt.sequence }, "circuit half-open: one event is tried");
    this.#parts.lanes.startNow(handling);
  }

  #close(): void {
    const { lanes, intake, metrics, countHeld, closed } = this.#parts;
    this.#probe = undefined;
    this.#probed.clear();
    this.#cancelWait();
    metrics.circuitEntered("closed");
    this.#logger.info({}, "circuit closed: pulling again");
    if (this.#policy.scope === "fleet") {
      this.#tellFleet(() => intake.consumption?.releaseFleet());
    }
    const held = this.#held;
    this.#held = [];
    for (const handling of held) {
      lanes.resume(handling);
    }
    if (this.#isHolding) {
      this.#isHolding = false;
      lanes.lift();
    }
    intake.open("circuit", countHeld);
    closed();
  }

  /** The circuit works without it: other instances have breakers of their own. */
  #tellFleet(tell: () => Promise<void> | undefined): void {
    tell()?.catch((error: unknown) => {
      this.#logger.warn({ err: error }, "the other instances could not be told");
    });
  }
}
