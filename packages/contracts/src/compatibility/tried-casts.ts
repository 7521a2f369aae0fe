// Tries what types cannot prove: data that fits a version goes through today's upcasters and downcasters. The data are the
// declared examples and samples of every schema that was ever locked; what does not fit its version proves nothing.

import { ThroughlineError } from "../errors/throughline-error.ts";
import type { LockedEvent } from "./contract-lock.ts";
import type { DeclaredEvent } from "./declared-system.ts";
import type { Finding } from "./finding.ts";
import type { JsonSchema } from "./json-schema.ts";
import { describeValue } from "./schema-description.ts";
import { samplesOf } from "./schema-samples.ts";

export async function tryCasts(
  event: DeclaredEvent,
  current: readonly (JsonSchema | undefined)[],
  locked: LockedEvent | undefined,
): Promise<readonly Finding[]> {
  const { contract } = event;
  if (contract.compatibility === "NONE") {
    return [];
  }
  const findings: Finding[] = [];
  for (const { version, schema, examples = [] } of contract.versions) {
    const fits = async (data: unknown) => (await schema["~standard"].validate(data)).issues === undefined;
    for (const example of examples) {
      if (!(await fits(example))) {
        findings.push(invalidExample(event, version, example));
      }
    }
    const schemas = [current[version - 1], ...(locked?.versions[version] ?? [])].filter((found) => found !== undefined);
    const samples = [...examples, ...distinct(schemas).flatMap((found) => samplesOf(found))];
    const fitting: unknown[] = [];
    for (const sample of samples) {
      if (await fits(sample)) {
        fitting.push(sample);
      }
    }
    const isOld = version < contract.latestVersion;
    const upcast = isOld ? await firstFailure(fitting, (data) => contract.parseVersion(version, data)) : undefined;
    if (upcast !== undefined) {
      findings.push(failedCast(event, "upcast-fails", version, upcast));
    }
    const oldest = contract.oldestWritableVersion;
    const downcast = (data: unknown) => contract.downcast(oldest, data);
    const failure =
      isOld || oldest === version
        ? undefined
        : ((await firstFailure(examples, downcast)) ?? (await firstFailure(fitting, unlessRefused(downcast))));
    if (failure !== undefined) {
      findings.push(failedCast(event, "downcast-fails", version, failure));
    }
  }
  return findings;
}

/** A downcaster may refuse what the older version cannot say; what it makes has to be valid. */
function unlessRefused(cast: (data: unknown) => unknown): (data: unknown) => Promise<void> {
  return async (data) => {
    try {
      await cast(data);
    } catch (error) {
      if (error instanceof ThroughlineError) {
        throw error;
      }
    }
  };
}

interface Failure {
  readonly data: unknown;
  readonly problem: string;
}

async function firstFailure(
  samples: readonly unknown[],
  cast: (data: unknown) => unknown,
): Promise<Failure | undefined> {
  for (const data of samples) {
    try {
      await cast(structuredClone(data));
    } catch (error) {
      const problem = error instanceof ThroughlineError ? error.message : `it throws ${String(error)}`;
      return { data, problem };
    }
  }
  return undefined;
}

function distinct(schemas: readonly JsonSchema[]): readonly JsonSchema[] {
  return [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()];
}

function failedCast(
  { type, subscribers, contract }: DeclaredEvent,
  rule: "upcast-fails" | "downcast-fails",
  version: number,
  { data, problem }: Failure,
): Finding {
  const isUpcast = rule === "upcast-fails";
  const target = isUpcast ? contract.latestVersion : contract.oldestWritableVersion;
  return {
    rule,
    event: type,
    version,
    direction: isUpcast ? "backward" : "forward",
    pointer: "",
    expected: `version ${target} out of ${describeValue(data)}`,
    found: problem,
    breaks: [...new Set(subscribers.map(({ name }) => name))],
    fix: `Let the ${isUpcast ? "upcasters" : "downcasters"} handle everything that version ${version} allows.`,
  };
}

function invalidExample({ type }: DeclaredEvent, version: number, example: unknown): Finding {
  return {
    rule: "example-invalid",
    event: type,
    version,
    direction: null,
    pointer: "",
    expected: `data of version ${version}`,
    found: describeValue(example),
    breaks: [],
    fix: "Correct the example, or the schema that it shows.",
  };
}
