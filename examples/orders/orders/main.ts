// The orders process.

import { launchService } from "../launch-service.ts";
import { createOrders } from "./service.ts";

const { ORDERS_PARTITIONS: partitions } = process.env;

await launchService(createOrders({ partitions: partitions ? Number(partitions) : undefined }));
