// Which server has what, in one table: older servers silently ignore what they do not know.

import { ThroughlineError } from "@throughline/contracts";

/** The first version that has each feature this package uses. */
const featureVersions = {
  floor: "2.9.10",
  filterSubjects: "2.10.0",
  consumerActions: "2.10.0",
  /** Subject transforms of sources. */
  partitions: "2.10.0",
  terminateReason: "2.11.0",
  consumerPause: "2.11.0",
  atomicBatch: "2.12.0",
  schedules: "2.12.0",
  cronSchedules: "2.14.0",
  /** Older minors get no security fixes any more. */
  maintained: "2.14.3",
} as const;

export type ServerFeature = keyof typeof featureVersions;

export class ServerFeatures {
  readonly version: string;

  /** @throws NATS_SERVER_UNSUPPORTED below the floor */
  constructor(version: string) {
    this.version = version;
    if (!this.has("floor")) {
      throw new ThroughlineError(
        "NATS_SERVER_UNSUPPORTED",
        `nats-server ${version} is too old: expected ${featureVersions.floor} or newer.`,
        { details: { expected: featureVersions.floor, found: version } },
      );
    }
  }

  has(feature: ServerFeature): boolean {
    return compareVersions(this.version, featureVersions[feature]) >= 0;
  }

  /** @throws BUS_FEATURE_UNSUPPORTED where this server lacks it */
  require(feature: ServerFeature, what: string): void {
    if (!this.has(feature)) {
      const needed = featureVersions[feature];
      throw new ThroughlineError("BUS_FEATURE_UNSUPPORTED", `nats-server ${this.version} has no ${what}.`, {
        details: { feature, expected: needed, found: this.version },
        remedy: `Run nats-server ${needed} or newer, or do without ${what}.`,
      });
    }
  }

  /** A warning for the log when the server gets no fixes any more. */
  get outdated(): string | undefined {
    return this.has("maintained")
      ? undefined
      : `nats-server ${this.version} gets no security fixes any more; ${featureVersions.maintained} or newer does`;
  }
}

/** Compares `major.minor.patch`; what follows a dash (a pre-release) is left out. */
export function compareVersions(left: string, right: string): number {
  const parts = (version: string) => version.replace(/^v/, "").split("-", 1)[0]?.split(".").map(Number) ?? [];
  const [a, b] = [parts(left), parts(right)];
  for (let index = 0; index < 3; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) {
      return Math.sign(difference);
    }
  }
  return 0;
}
