// A subscription whose keys are spread over partitions, each with one active puller. Instances share them by leases, take
// over what a dead one had within seconds, and hand over in order when others come and go.

import { randomUUID } from "node:crypto";
import type { Runner } from "../delivery/runner.ts";
import { type RunnerParts, SubscriptionRunner } from "../delivery/subscription-runner.ts";
import { subscriptionTopology } from "../delivery/subscription-topology.ts";
import type { ConsumptionHealth, Delivery } from "../transport.ts";
import { decideAssignment } from "./assignment.ts";
import { givenUp, LeaseTable, memberName, partitionName } from "./lease-table.ts";
import { partitionOfKey } from "./partition-of-key.ts";

/** Without a renewal for this long an owner counts as dead. */
const leaseMs = 5_000;
const renewEveryMs = 1_000;
/** Expired leases are noticed apart from renewals, which may hang. */
const lookEveryMs = 250;
/** An owner stops by itself a little before the others take over. */
const safetyMs = 1_000;
/** What is redriven to a partition of another instance comes to that one after a while. */
const elsewhereDelayMs = 500;

interface Owned {
  readonly runner: SubscriptionRunner;
  revision: number;
  validUntilMs: number;
  isLeaving: boolean;
}

export class PartitionedRunner implements Runner {
  readonly #parts: RunnerParts;
  readonly #partitions: number;
  readonly #instance = randomUUID();
  readonly #table = new LeaseTable(leaseMs);
  readonly #owned = new Map<number, Owned>();
  #cancelTick: () => void = () => undefined;
  #cancelLook: () => void = () => undefined;
  #ticking: Promise<void> = Promise.resolve();
  #problem: string | undefined;
  /** Claims nothing any more, and renews what it still has. */
  #isStopping = false;
  #isStopped = false;

  constructor(parts: RunnerParts, partitions: number) {
    this.#parts = parts;
    this.#partitions = partitions;
  }

  get durable(): string {
    return this.#parts.subscription.durable;
  }

  async start(): Promise<void> {
    await this.#tick();
    this.#schedule();
    this.#lookForExpired();
  }

  /** An instance beyond the number of partitions stands by, which is no problem. */
  health(): ConsumptionHealth {
    const healths = [...this.#owned.values()].map(({ runner }) => runner.health());
    const problem = this.#problem ?? healths.find((health) => health.problem !== undefined)?.problem;
    const [lag, pendingAcks] = [sum(healths.map((one) => one.lag)), sum(healths.map((one) => one.pendingAcks))];
    return {
      pulling: problem === undefined && healths.every(({ pulling }) => pulling),
      ...(problem === undefined ? undefined : { problem }),
      ...(lag === undefined ? undefined : { lag }),
      ...(pendingAcks === undefined ? undefined : { pendingAcks }),
    };
  }

  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    await Promise.all([...this.#owned.keys()].map((partition) => this.#leave(partition, graceMs)));
    this.#isStopped = true;
    this.#cancelTick();
    this.#cancelLook();
    await this.#write(memberName(this.#instance), givenUp).catch(() => undefined);
  }

  /** Keeps redriven events of a key with its other events. */
  acceptRedriven(delivery: Delivery): void {
    const { subject } = delivery.message;
    const token = subject.slice(subject.lastIndexOf(".") + 1);
    const owned = this.#owned.get(partitionOfKey(token, this.#partitions));
    if (owned === undefined || owned.isLeaving) {
      delivery.retry(elsewhereDelayMs);
    } else {
      owned.runner.acceptRedriven(delivery);
    }
  }

  #schedule(): void {
    this.#cancelTick = this.#parts.clock.schedule(renewEveryMs, () => {
      this.#ticking = this.#tick()
        .then(
          () => {
            this.#problem = undefined;
          },
          (error: unknown) => {
            this.#problem = "the leases of its partitions cannot be renewed";
            this.#parts.logger.warn({ err: error, durable: this.durable }, this.#problem);
          },
        )
        .finally(() => {
          if (!this.#isStopped) {
            this.#schedule();
          }
        });
    });
  }

  async #tick(): Promise<void> {
    const { connection, clock } = this.#parts;
    await this.#write(memberName(this.#instance), this.#instance);
    await Promise.all([...this.#owned].map(([partition, owned]) => this.#renew(partition, owned)));
    this.#table.observe(await connection.leases.list(this.durable), clock.now());
    if (this.#isStopping) {
      return;
    }
    const now = clock.now();
    const mine = [...this.#owned.keys()].sort((a, b) => a - b);
    const change = decideAssignment({
      me: this.#instance,
      partitions: this.#partitions,
      members: this.#table.members(now),
      mine,
      free: this.#table.free(this.#partitions, now).filter((partition) => !this.#owned.has(partition)),
    });
    for (const partition of change.giveUp) {
      void this.#leave(partition, this.#parts.subscription.policy.timeoutMs);
    }
    await Promise.all(change.claim.map((partition) => this.#claim(partition)));
  }

  async #claim(partition: number): Promise<void> {
    const { connection, clock, subscription, logger } = this.#parts;
    const askedAtMs = clock.now();
    const revision = await this.#write(partitionName(partition), this.#instance, this.#table.revisionOf(partition));
    if (revision !== undefined && this.#isStopping) {
      await this.#write(partitionName(partition), givenUp, revision);
    }
    if (revision === undefined || this.#isStopping) {
      return;
    }
    const topology = subscriptionTopology(subscription);
    const lastOwner = this.#table.wasGivenUp(partition) ? "left" : "lost";
    const owned: Owned = {
      revision,
      validUntilMs: askedAtMs + leaseMs - safetyMs,
      isLeaving: false,
      runner: new SubscriptionRunner({
        ...this.#parts,
        share: this.#partitions,
        open: (listener) => connection.consumePartition(topology, partition, lastOwner, listener),
        ownership: {
          // The revision of the claim: greater than that of every owner before.
          fence: { partition, token: revision },
          isValid: () => {
            const isValid = clock.now() < owned.validUntilMs;
            if (!isValid) {
              this.#abandon(partition, owned);
            }
            return isValid;
          },
        },
      }),
    };
    this.#owned.set(partition, owned);
    logger.info({ durable: this.durable, partition, fence: revision, lastOwner }, "partition taken over");
    try {
      await owned.runner.start();
    } catch (error) {
      await this.#leave(partition, 0);
      throw error;
    }
  }

  async #renew(partition: number, owned: Owned): Promise<void> {
    const askedAtMs = this.#parts.clock.now();
    const revision = await this.#write(partitionName(partition), this.#instance, owned.revision);
    if (revision !== undefined) {
      owned.revision = revision;
      owned.validUntilMs = askedAtMs + leaseMs - safetyMs;
    } else {
      this.#abandon(partition, owned);
    }
  }

  /** In order: stops pulling, lets handlers finish, and only then lets another instance have it. */
  async #leave(partition: number, graceMs: number): Promise<void> {
    const owned = this.#owned.get(partition);
    if (owned === undefined || owned.isLeaving) {
      return;
    }
    owned.isLeaving = true;
    // The lease is renewed meanwhile, like any other.
    await owned.runner.stop(graceMs);
    if (this.#owned.get(partition) === owned) {
      this.#owned.delete(partition);
      await this.#renewalsSettled();
      await this.#write(partitionName(partition), givenUp, owned.revision).catch(() => undefined);
      this.#parts.logger.info({ durable: this.durable, partition }, "partition given up");
    }
  }

  /** A renewal on its way would make the record newer than is known; one that hangs is not waited for. */
  async #renewalsSettled(): Promise<void> {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const cancel = this.#parts.clock.schedule(2 * renewEveryMs, resolve);
    await Promise.race([this.#ticking, over]);
    cancel();
  }

  #lookForExpired(): void {
    this.#cancelLook = this.#parts.clock.schedule(lookEveryMs, () => {
      this.#abandonExpired();
      this.#lookForExpired();
    });
  }

  #abandonExpired(): void {
    const now = this.#parts.clock.now();
    for (const [partition, owned] of this.#owned) {
      if (now >= owned.validUntilMs) {
        this.#abandon(partition, owned);
      }
    }
  }

  /** The lease is lost: whoever has it now must not find this one at work. */
  #abandon(partition: number, owned: Owned): void {
    if (this.#owned.get(partition) === owned) {
      this.#owned.delete(partition);
      const { logger } = this.#parts;
      logger.warn({ durable: this.durable, partition }, "the lease of a partition is lost; handlers are aborted");
      owned.runner.abandon();
    }
  }

  #write(name: string, value: string, expectedRevision?: number): Promise<number | undefined> {
    return this.#parts.connection.leases.write(this.durable, name, value, expectedRevision);
  }
}

/** Undefined where none of them is known. */
function sum(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((total, value) => total + value, 0);
}
