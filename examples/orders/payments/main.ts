// The payments process.

import { launchService } from "../launch-service.ts";
import { connectCardProcessor } from "./card-processor-client.ts";
import { paymentTables } from "./payment-book.ts";
import { createPayments } from "./service.ts";

const { CARD_PROCESSOR_URL: processorUrl = "http://127.0.0.1:8090" } = process.env;

await launchService(() => createPayments(connectCardProcessor(processorUrl)), { tables: paymentTables });
