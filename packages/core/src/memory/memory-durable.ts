// A durable consumer in memory: pending and unsettled messages, redelivery after the ack wait, shared by its instances.

import type { Clock } from "../clock.ts";
import { partitionOfKey } from "../partitions/partition-of-key.ts";
import type { Consumption, ConsumptionListener, Delivery, SubscriptionTopology } from "../transport.ts";
import { type MemoryStream, matchesSubject, type StoredMessage } from "./memory-stream.ts";

/** A message that is not settled yet: it waits in line, or its deliveries wait for an answer. */
interface Pending {
  readonly message: StoredMessage;
  deliveries: number;
  isInLine: boolean;
  isSettled: boolean;
  /** Ends the ack wait, or the delay of a retry. */
  cancelTimer: () => void;
}

interface Instance {
  credits: number;
  isPaused: boolean;
  /** In order: whoever begins waits for what another one has left behind. */
  readonly waitsUntilMs: number;
  readonly listener: ConsumptionListener;
}

export class MemoryDurable {
  readonly #stream: MemoryStream;
  readonly #ackWaitMs: number;
  readonly #keepOrder: boolean;
  readonly #clock: Clock;
  readonly #line: Pending[] = [];
  /** What was delivered before comes before what was not, as with JetStream. */
  readonly #again: Pending[] = [];
  readonly #instances: Instance[] = [];
  /** Offered and not settled, in the order of the stream. */
  readonly #unsettled = new Set<Pending>();
  #consumerSequence = 0;
  #scheduled = false;
  #heldUntilMs = 0;

  constructor(stream: MemoryStream, topology: SubscriptionTopology, clock: Clock, partition?: number) {
    this.#stream = stream;
    this.#ackWaitMs = topology.ackWaitMs;
    this.#keepOrder = topology.keepOrder && partition === undefined;
    this.#clock = clock;
    const offer = (message: StoredMessage) => {
      if (
        topology.filterSubjects.some((pattern) => matchesSubject(pattern, message.subject)) &&
        (partition === undefined || partition === partitionOf(message.subject, topology.partitions))
      ) {
        const pending = {
          message,
          deliveries: 0,
          isInLine: false,
          isSettled: false,
          cancelTimer: () => undefined,
        };
        this.#unsettled.add(pending);
        this.#enqueue(pending);
      }
    };
    if (topology.startFrom === "first") {
      stream.messages.forEach(offer);
    }
    stream.onStored(offer);
  }

  consume(listener: ConsumptionListener): Consumption {
    const waitMs = this.#keepOrder && this.#isAnyUnderWay() ? this.#ackWaitMs : 0;
    const instance: Instance = { credits: 0, isPaused: false, waitsUntilMs: this.#clock.now() + waitMs, listener };
    if (waitMs > 0) {
      this.#clock.schedule(waitMs, () => this.#scheduleDelivery());
    }
    this.#instances.push(instance);
    return {
      grant: (count) => {
        instance.credits += count;
        this.#scheduleDelivery();
      },
      pause: async () => {
        instance.isPaused = true;
        instance.credits = 0;
      },
      resume: async () => {
        instance.isPaused = false;
        instance.credits = 0;
      },
      holdFleet: async (forMs) => {
        this.#heldUntilMs = this.#clock.now() + forMs;
        this.#clock.schedule(forMs, () => this.#scheduleDelivery());
      },
      releaseFleet: async () => {
        this.#heldUntilMs = 0;
        this.#scheduleDelivery();
      },
      stop: async () => {
        const index = this.#instances.indexOf(instance);
        if (index >= 0) {
          this.#instances.splice(index, 1);
        }
      },
      health: () => ({
        pulling: this.#instances.includes(instance) && !instance.isPaused,
        lag: this.#lag,
        pendingAcks: [...this.#unsettled].filter(({ deliveries }) => deliveries > 0).length,
      }),
    };
  }

  get #lag(): number {
    return this.#again.length + this.#line.length;
  }

  /** Takes everything away from whoever consumes it at the moment: what is not settled comes again, in order. */
  reset(): void {
    this.#instances.length = 0;
    this.#line.length = 0;
    this.#again.length = 0;
    for (const pending of this.#unsettled) {
      pending.cancelTimer();
      this.#enqueue(pending);
    }
  }

  #enqueue(pending: Pending): void {
    pending.isInLine = true;
    (pending.deliveries > 0 ? this.#again : this.#line).push(pending);
    this.#scheduleDelivery();
  }

  /** Delivers in a task of its own, as a network would: never inside the caller's stack. */
  #scheduleDelivery(): void {
    if (this.#scheduled) {
      return;
    }
    this.#scheduled = true;
    this.#clock.defer(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (this.#lag > 0 && this.#clock.now() >= this.#heldUntilMs) {
      const instance = this.#instances.find((one) => one.credits > 0 && !one.isPaused && this.#mayBegin(one));
      const pending = instance === undefined ? undefined : (this.#again.shift() ?? this.#line.shift());
      if (instance === undefined || pending === undefined) {
        return;
      }
      pending.isInLine = false;
      if (pending.isSettled) {
        continue;
      }
      instance.credits--;
      // Instances take turns.
      this.#instances.push(...this.#instances.splice(this.#instances.indexOf(instance), 1));
      instance.listener.onDelivery(this.#createDelivery(pending));
    }
  }

  #mayBegin({ waitsUntilMs }: Instance): boolean {
    return this.#clock.now() >= waitsUntilMs || !this.#isAnyUnderWay();
  }

  /** Delivered to somebody, and neither settled nor back in line. */
  #isAnyUnderWay(): boolean {
    return [...this.#unsettled].some(({ deliveries, isInLine }) => deliveries > 0 && !isInLine);
  }

  /** As with JetStream, an answer to an earlier delivery of a message counts for the message. */
  #createDelivery(pending: Pending): Delivery {
    pending.deliveries++;
    const { message } = pending;
    const settle = () => {
      pending.isSettled = true;
      this.#unsettled.delete(pending);
      this.#stream.settle(message.sequence);
      pending.cancelTimer();
      if (this.#instances.some(({ waitsUntilMs }) => waitsUntilMs > this.#clock.now())) {
        this.#scheduleDelivery();
      }
    };
    const redeliverAfter = (delayMs: number) => {
      pending.cancelTimer();
      if (pending.isSettled || pending.isInLine) {
        return;
      }
      if (delayMs === 0) {
        this.#enqueue(pending);
      } else {
        pending.cancelTimer = this.#clock.schedule(delayMs, () => this.#enqueue(pending));
      }
    };
    redeliverAfter(this.#ackWaitMs);
    return {
      message,
      storedAt: { stream: this.#stream.name, sequence: message.sequence, timeMs: message.timeMs },
      consumerSequence: ++this.#consumerSequence,
      attempt: pending.deliveries,
      acknowledge: settle,
      terminate: settle,
      extend: () => redeliverAfter(this.#ackWaitMs),
      retry: redeliverAfter,
    };
  }
}

function partitionOf(subject: string, partitions = 1): number {
  return partitionOfKey(subject.slice(subject.lastIndexOf(".") + 1), partitions);
}
