// The guide's first attempt: version 2 changed in place.

import { defineEvent } from "@throughline/contracts";
import { z } from "zod";
import { OrderPlaced } from "../../contracts/index.ts";
import { declareReaders, V1, V2 } from "./declare-readers.ts";

const changed = V2.extend({ shipTo: z.object({ country: z.string().length(2) }) });

export const services = declareReaders(
  defineEvent(OrderPlaced.type, { key: (order: { orderId: string }) => order.orderId })
    .version(1, V1)
    .version(2, changed, { upcast: (v1) => ({ ...v1, currency: "EUR", shipTo: { country: "DE" } }) }),
);
