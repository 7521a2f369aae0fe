// What the gateway publishes and asks; it subscribes to nothing.

import { defineService, type Service } from "@throughline/core";
import { CheckStock, OrderPlaced } from "../contracts/index.ts";

export function createGateway(): Service<typeof OrderPlaced, typeof CheckStock> {
  return defineService("gateway", { publishes: [OrderPlaced], calls: [CheckStock] });
}
