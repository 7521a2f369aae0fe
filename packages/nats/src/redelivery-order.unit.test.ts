// What comes again is handed on in the order of the stream, however the server sends it.

import type { Delivery } from "@throughline/core";
import { describe, expect, test } from "vitest";
import { RedeliveryOrder } from "./redelivery-order.ts";

const delivery = (sequence: number, bytes = 1) =>
  ({ storedAt: { stream: "S", sequence, timeMs: 0 }, message: { body: new Uint8Array(bytes) } }) as unknown as Delivery;

/** What can be taken after each of the deliveries that are added. */
function follow(count: number, lastSequence: number, deliveries: readonly Delivery[]): number[][] {
  const order = new RedeliveryOrder();
  order.expect({ count, lastSequence });
  return deliveries.map((next) => {
    order.add(next);
    return takeAll(order);
  });
}

function takeAll(order: RedeliveryOrder): number[] {
  const taken: number[] = [];
  for (let next = order.take(); next !== undefined; next = order.take()) {
    taken.push(next.storedAt.sequence);
  }
  return taken;
}

describe("the order of what comes again", () => {
  test("hands on at once where nothing is expected", () => {
    expect(follow(0, 0, [delivery(7), delivery(8)])).toEqual([[7], [8]]);
  });

  test("puts what the server could not send behind what got lost before it", () => {
    const deliveries = [44, 45, 25, 26, 46].map((sequence) => delivery(sequence));
    expect(follow(4, 45, deliveries)).toEqual([[], [], [], [25, 26, 44, 45], [46]]);
  });

  test("waits no longer once something new comes", () => {
    const deliveries = [44, 25, 46, 47].map((sequence) => delivery(sequence));
    expect(follow(9, 45, deliveries)).toEqual([[], [], [25, 44, 46], [47]]);
  });

  test("holds no more than 64 MiB, and what belongs behind for longest", () => {
    const large = 30 * 1024 * 1024;
    const deliveries = [44, 25, 26, 27].map((sequence) => delivery(sequence, large));
    expect(follow(5, 45, deliveries)).toEqual([[], [], [25], [26]]);
  });

  test("keeps the newer of two deliveries of one event", () => {
    const order = new RedeliveryOrder();
    order.expect({ count: 3, lastSequence: 45 });
    const again = delivery(25);
    order.add(delivery(25));
    order.add(again);
    order.close();
    expect([order.take(), order.take()]).toEqual([again, undefined]);
  });

  test("forgets what will come again anyhow", () => {
    const order = new RedeliveryOrder();
    order.expect({ count: 3, lastSequence: 45 });
    order.add(delivery(25));
    order.clear();
    expect([order.size, order.isOpen, order.take()]).toEqual([0, false, undefined]);
  });
});
