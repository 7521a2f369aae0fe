// Where leases live: the newest record of each partition and each instance, `leases.<durable>.<name>`.

import type { StreamTopology } from "../transport.ts";

const hourMs = 3_600_000;

export const leaseStream: StreamTopology = {
  name: "LEASES",
  subjects: ["leases.>"],
  keep: { newestPerSubject: true, forMs: hourMs },
};
