// What the gateway publishes, asks and follows: it shows how orders stand out of its own database.

import { defineService, type Service } from "@throughline/core";
import { CheckStock, OrderCancelled, OrderConfirmed, OrderPlaced } from "../contracts/index.ts";
import { noteEnd, notePlaced } from "./order-view.ts";

export type GatewayService = Service<typeof OrderPlaced, typeof CheckStock>;

export function createGateway(): GatewayService {
  const gateway = defineService("gateway", { publishes: [OrderPlaced], calls: [CheckStock] });

  // One subscription, so that an order's end never overtakes its beginning.
  gateway.on(
    [OrderPlaced, OrderConfirmed, OrderCancelled],
    { name: "follow", order: "key", concurrency: 8 },
    async (order, { event, tx }) => {
      if ("items" in order) {
        await notePlaced(tx, order, event);
      } else {
        await noteEnd(tx, order, event);
      }
    },
  );

  return gateway;
}
