// The inventory process.

import { launchService } from "../launch-service.ts";
import { createInventory } from "./service.ts";
import { createStockInMemory } from "./stock.ts";

const stock = createStockInMemory({
  "coffee-beans": 1_000_000,
  "filter-paper": 1_000_000,
  "espresso-machine": 100_000,
  "hand-grinder": 0,
});

await launchService(createInventory(stock));
