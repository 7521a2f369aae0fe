// Which version of each event a service writes: the newest, or an older one while a roll-out lasts and others do not know
// the newest yet.

import { type AnyEventContract, ThroughlineError } from "@throughline/contracts";

/** Versions by event type; what is not named is written in its newest. */
export type VersionsByType = Readonly<Record<string, number | undefined>>;

export class WrittenVersions {
  /** Only those that are not the newest: hardly ever any. */
  readonly #older: ReadonlyMap<AnyEventContract, number>;

  /** @throws BUS_EVENT_UNDECLARED, CONTRACT_VERSION_INVALID */
  constructor(service: string, publishes: readonly AnyEventContract[], versions: VersionsByType) {
    const wanted = Object.entries(versions).flatMap(([type, version]) =>
      version === undefined ? [] : [[contractOf(service, publishes, type), version] as const],
    );
    for (const [contract, version] of wanted) {
      requireWritable(contract, version);
    }
    this.#older = new Map(wanted.filter(([contract, version]) => version !== contract.latestVersion));
  }

  of(contract: AnyEventContract): number {
    return this.#older.size === 0 ? contract.latestVersion : (this.#older.get(contract) ?? contract.latestVersion);
  }
}

function contractOf(service: string, publishes: readonly AnyEventContract[], type: string): AnyEventContract {
  const contract = publishes.find((declared) => declared.type === type);
  if (contract === undefined) {
    throw new ThroughlineError(
      "BUS_EVENT_UNDECLARED",
      `Service "${service}" writes a version of ${type}, undeclared.`,
      {
        details: { service, type, declared: publishes.map((declared) => declared.type) },
      },
    );
  }
  return contract;
}

function requireWritable({ type, oldestWritableVersion, latestVersion }: AnyEventContract, version: number): void {
  if (!Number.isInteger(version) || version < oldestWritableVersion || version > latestVersion) {
    throw new ThroughlineError(
      "CONTRACT_VERSION_INVALID",
      `${type} cannot be written as version ${version}: downcasts lead from ${latestVersion} to ${oldestWritableVersion}.`,
      {
        details: { type, expected: `${oldestWritableVersion}..${latestVersion}`, found: version },
        remedy: `Give the versions after ${version} a downcast, or write a version from ${oldestWritableVersion} on.`,
      },
    );
  }
}
