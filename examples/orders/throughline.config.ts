// What `throughline contracts` reads: the services of the system, as they are declared. Nothing of this runs.

import type { Service } from "@throughline/core";
import { createGateway } from "./gateway/service.ts";
import { createInventory } from "./inventory/service.ts";
import { createNotifications } from "./notifications/service.ts";
import { createOrders } from "./orders/service.ts";
import { connectCardProcessor } from "./payments/card-processor-client.ts";
import { createPayments } from "./payments/service.ts";

export const services: readonly Service[] = [
  createGateway() as Service,
  createInventory(async () => undefined),
  createPayments(connectCardProcessor("http://127.0.0.1")),
  createOrders() as Service,
  createNotifications(),
];
