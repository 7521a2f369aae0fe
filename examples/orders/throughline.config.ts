// What `throughline contracts` reads: the services of the system, as they are declared. Nothing of this runs.

import type { Service } from "@throughline/core";
import { createGateway } from "./gateway/service.ts";
import { createInventory } from "./inventory/service.ts";
import { createStockInMemory } from "./inventory/stock.ts";
import { createMailerInMemory } from "./notifications/mailer.ts";
import { createNotifications } from "./notifications/service.ts";
import { createOrders } from "./orders/service.ts";
import { createSimulatedCardProcessor } from "./payments/card-processor.ts";
import { createPayments } from "./payments/service.ts";

export const services: readonly Service[] = [
  createGateway() as Service,
  createInventory(createStockInMemory({})),
  createPayments(createSimulatedCardProcessor({ latencyMs: 0 })),
  createOrders(),
  createNotifications(createMailerInMemory()),
];
