// The orders process.

import { launchService } from "../launch-service.ts";
import { createOrders } from "./service.ts";

await launchService(createOrders());
