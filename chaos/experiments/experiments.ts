// Every experiment by its name.

import type { Experiment } from "./experiment.ts";
import { interruptedRedrive } from "./interrupted-redrive.ts";
import { orderAtScale } from "./order-at-scale.ts";
import { outage } from "./outage.ts";
import { poison } from "./poison.ts";
import { recovery } from "./recovery.ts";

export const experiments: Readonly<Record<string, Experiment>> = {
  order: orderAtScale,
  outage,
  poison,
  redrive: interruptedRedrive,
  recovery,
};
