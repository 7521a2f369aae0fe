// The payments process.

import { launchService } from "../launch-service.ts";
import { createSimulatedCardProcessor } from "./card-processor.ts";
import { createPayments } from "./service.ts";

const latencyMs = Number(process.env["CARD_PROCESSOR_LATENCY_MS"] ?? 20);

await launchService(createPayments(createSimulatedCardProcessor({ latencyMs })));
