// The inventory process.

import { launchService } from "../launch-service.ts";
import { createInventory } from "./service.ts";
import { stockTables, stockUp } from "./stock.ts";

const { INITIAL_STOCK: initialStock } = process.env;

const items: Readonly<Record<string, number>> = initialStock
  ? JSON.parse(initialStock)
  : { "coffee-beans": 1_000_000, "filter-paper": 1_000_000, "espresso-machine": 100_000, "hand-grinder": 0 };

await launchService(
  (database) =>
    createInventory(async (sku) => {
      const rows = await database.query<{ available: number }>("select available from inventory.stock where sku = $1", [
        sku,
      ]);
      return rows[0]?.available;
    }),
  { tables: `${stockTables}; ${stockUp(items)}` },
);
