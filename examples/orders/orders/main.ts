// The orders process.

import { pino } from "pino";
import { launchService } from "../launch-service.ts";
import { watchDeadlines } from "./deadlines.ts";
import { orderTables } from "./order-book.ts";
import { createOrders } from "./service.ts";

const { ORDERS_PARTITIONS: partitions } = process.env;

let endDeadlines: () => void = () => undefined;
const { running } = await launchService(
  () => createOrders({ partitions: partitions ? Number(partitions) : undefined }),
  { tables: orderTables, beforeStop: () => endDeadlines() },
);
endDeadlines = watchDeadlines(running, pino().child({ service: "orders" }));
