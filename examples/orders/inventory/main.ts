// The inventory process.

import { launchService } from "../launch-service.ts";
import { countInBins, fillBins } from "./bins.ts";
import { createInventory } from "./service.ts";
import { stockTables } from "./stock.ts";

const { INITIAL_STOCK: initialStock } = process.env;

const items: Readonly<Record<string, number>> = initialStock
  ? JSON.parse(initialStock)
  : { "coffee-beans": 1_000_000, "filter-paper": 1_000_000, "espresso-machine": 100_000, "hand-grinder": 0 };

await launchService(
  (database) =>
    createInventory(async (sku) => {
      const rows = await database.query<{ available: number | null }>(countInBins, [sku]);
      return rows[0]?.available ?? undefined;
    }),
  { tables: `${stockTables}; ${fillBins(items)}` },
);
