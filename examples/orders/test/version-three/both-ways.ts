// Where the guide arrives: version 3, read from version 2 and written as version 2.

import { OrderPlaced } from "../../contracts/index.ts";
import { declareReaders, V3 } from "./declare-readers.ts";

export const services = declareReaders(
  OrderPlaced.version(3, V3, {
    upcast: (v2) => ({ ...v2, shipTo: { country: "DE" } }),
    downcast: ({ shipTo, ...v2 }) => {
      if (shipTo.country !== "DE") {
        throw new Error(`Version 2 ships within Germany only; this order goes to ${shipTo.country}.`);
      }
      return v2;
    },
  }),
);
