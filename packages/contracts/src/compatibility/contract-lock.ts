// The lock file: what was deployed, in a form that people read in a diff. Every revision of every version's schema is kept,
// because what was once written may still be stored.

import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { CompatibilityMode } from "../declaration/event-contract.ts";
import { ThroughlineError } from "../errors/throughline-error.ts";
import type { DeclaredEvent, DeclaredProcedure, DeclaredSystem } from "./declared-system.ts";
import { describeSchema, type JsonSchema, normalizeSchema, textOfSchema } from "./json-schema.ts";

export interface ContractLock {
  readonly lockVersion: 1;
  readonly events: Readonly<Record<string, LockedEvent>>;
  readonly procedures: Readonly<Record<string, LockedProcedure>>;
}

/** Questions are not stored, so what is deployed is all that counts. */
export interface LockedProcedure {
  readonly callers: readonly string[];
  readonly servers: readonly string[];
  readonly request: JsonSchema;
  readonly reply: JsonSchema;
}

export interface LockedEvent {
  readonly compatibility: CompatibilityMode;
  /** Where the key comes from, `{/orderId}`; null when it cannot be told. */
  readonly key: string | null;
  readonly publishers: readonly string[];
  readonly subscribers: readonly string[];
  /** By version: its schemas, the oldest first; the last one is what is deployed. */
  readonly versions: Readonly<Record<string, readonly JsonSchema[]>>;
}

export const emptyLock: ContractLock = { lockVersion: 1, events: {}, procedures: {} };

/** More revisions than this of one version mean that something rewrites the file. */
const maxRevisions = 100;

/** The lock of what is declared now. History is kept, but for events in `restarted`: their past was declared void. */
export function createLock(
  { events, procedures }: DeclaredSystem,
  previous: ContractLock,
  restarted: ReadonlySet<string> = new Set(),
): ContractLock {
  const locked = events.map((event) => {
    const past = restarted.has(event.type) ? undefined : previous.events[event.type];
    return [event.type, lockEvent(event, past)] as const;
  });
  return {
    lockVersion: 1,
    events: Object.fromEntries(locked),
    procedures: Object.fromEntries(procedures.map((declared) => [declared.name, lockProcedure(declared)])),
  };
}

/** What is written to disk. Equal locks are equal texts. */
export function formatLock(lock: ContractLock): string {
  return `${JSON.stringify(lock, undefined, 2)}\n`;
}

/** @throws CONTRACT_LOCK_INVALID */
export function parseLock(text: string): ContractLock {
  let lock: unknown;
  try {
    lock = JSON.parse(text);
  } catch (cause) {
    throw invalidLock("it is not JSON (a merge conflict left in it?)", cause);
  }
  const { lockVersion, events, procedures = {} } = (lock ?? {}) as Partial<Record<keyof ContractLock, unknown>>;
  if (lockVersion !== 1) {
    throw invalidLock(`its lockVersion is ${JSON.stringify(lockVersion)}; this tool reads 1`);
  }
  if (!isRecord(events) || !isRecord(procedures)) {
    throw invalidLock("it has no events, or its procedures are none");
  }
  for (const [type, event] of Object.entries(events)) {
    requireLockedEvent(type, event);
  }
  return { ...(lock as ContractLock), procedures: procedures as ContractLock["procedures"] };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function lockEvent({ contract, publishers, subscribers }: DeclaredEvent, past: LockedEvent | undefined): LockedEvent {
  const versions = contract.versions.flatMap((version) => {
    const described = describeSchema(version);
    const revisions = past?.versions[version.version] ?? [];
    if ("problem" in described) {
      return revisions.length === 0 ? [] : [[version.version, revisions] as const];
    }
    return [[version.version, addRevision(revisions, normalizeSchema(described.schema))] as const];
  });
  return {
    compatibility: contract.compatibility,
    key: contract.describeKey() ?? null,
    publishers: distinctNames(publishers),
    subscribers: distinctNames(subscribers),
    versions: Object.fromEntries(versions),
  };
}

/** What has no JSON Schema may be anything. */
function lockProcedure({ procedure, callers, servers }: DeclaredProcedure): LockedProcedure {
  const describe = (schema: StandardSchemaV1): JsonSchema => {
    const described = describeSchema({ schema });
    return "problem" in described ? true : normalizeSchema(described.schema);
  };
  return { callers, servers, request: describe(procedure.requestSchema), reply: describe(procedure.replySchema) };
}

function addRevision(revisions: readonly JsonSchema[], current: JsonSchema): readonly JsonSchema[] {
  const text = textOfSchema(current);
  const others = revisions.filter((revision) => textOfSchema(revision) !== text);
  return [...others, current].slice(-maxRevisions);
}

function distinctNames(participants: readonly { readonly name: string }[]): string[] {
  return [...new Set(participants.map(({ name }) => name))];
}

function requireLockedEvent(type: string, event: unknown): void {
  const { versions, publishers, subscribers } = (event ?? {}) as Partial<Record<keyof LockedEvent, unknown>>;
  const areNames = [publishers, subscribers].every(
    (names) => Array.isArray(names) && names.every((name) => typeof name === "string"),
  );
  const hasVersions =
    typeof versions === "object" &&
    versions !== null &&
    Object.entries(versions).every(([version, revisions]) => /^[1-9]\d*$/.test(version) && Array.isArray(revisions));
  if (!areNames || !hasVersions) {
    throw invalidLock(`its entry of ${type} is incomplete`);
  }
}

function invalidLock(problem: string, cause?: unknown): ThroughlineError {
  return new ThroughlineError("CONTRACT_LOCK_INVALID", `The lock file cannot be read: ${problem}.`, { cause });
}
