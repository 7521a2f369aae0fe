// Sets stock aside for placed orders, puts it back for cancelled ones, and says how much there is.

import { failWith } from "@throughline/contracts";
import { defineService, policies, type Service } from "@throughline/core";
import {
  CheckStock,
  InventoryOutOfStock,
  InventoryReleased,
  InventoryReserved,
  OrderCancelled,
  OrderPlaced,
} from "../contracts/index.ts";
import { isOverdue, readDeadlineMs } from "../deadline.ts";
import { release, reserve } from "./stock.ts";

/** How much of an item could be ordered now; undefined for what was never in stock. */
export type ReadStock = (sku: string) => Promise<number | undefined>;

export function createInventory(readStock: ReadStock, deadlineMs: number = readDeadlineMs()): Service {
  const inventory = defineService("inventory", {
    publishes: [InventoryReserved, InventoryOutOfStock, InventoryReleased],
  });

  inventory.on(OrderPlaced, { name: "reserve", order: "key", policy: policies.standard }, async (order, context) => {
    const { orderId, customerId, items, currency, paymentMethod } = order;
    if (isOverdue(context.event, deadlineMs)) {
      await release(context.tx, orderId);
      return;
    }
    const missing = await reserve(context.tx, orderId, items);
    if (missing === undefined) {
      return;
    }
    if (missing.length > 0) {
      await context.publish(InventoryOutOfStock, { orderId, customerId, missing: [...missing] });
      return;
    }
    const amountCents = items.reduce((sum, { quantity, unitPriceCents }) => sum + quantity * unitPriceCents, 0);
    await context.publish(InventoryReserved, { orderId, customerId, amountCents, currency, paymentMethod });
  });

  inventory.on(OrderCancelled, { name: "release", order: "key" }, async ({ orderId }, context) => {
    if (await release(context.tx, orderId)) {
      await context.publish(InventoryReleased, { orderId });
    }
  });

  inventory.serve(CheckStock, async ({ sku }) => {
    const available = await readStock(sku);
    if (available === undefined) {
      throw failWith(CheckStock, "unknown-sku", { sku });
    }
    return { sku, available };
  });

  return inventory;
}
