// The guide's second attempt: a version 3 that cannot be written as version 2.

import { OrderPlaced } from "../../contracts/index.ts";
import { declareReaders, V3 } from "./declare-readers.ts";

export const services = declareReaders(
  OrderPlaced.version(3, V3, { upcast: (v2) => ({ ...v2, shipTo: { country: "DE" } }) }),
);
