// What goes wrong at the processor, as told over HTTP while it runs.

import { z } from "zod";

const share = z.number().min(0).max(1);

/** Everything has a default: what is left out does not go wrong. */
export const Faults = z.strictObject({
  /** Before each answer, in ms. */
  latencyMs: z.int().min(0).max(600_000).default(0),
  /** Of requests that fail with 503 before anything is done. */
  errorRate: share.default(0),
  /** Of requests that are carried out and answered with 503 all the same: whoever asks again must not pay again. */
  lostAnswerRate: share.default(0),
  /** "refuse": 503 to everything. "hang": no answer at all. */
  outage: z.enum(["none", "refuse", "hang"]).default("none"),
});
export type Faults = z.infer<typeof Faults>;
