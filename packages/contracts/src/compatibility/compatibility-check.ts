// Compares what is declared with what the lock file says was deployed, and the declarations of services with each other.

import type { CompatibilityMode } from "../declaration/event-contract.ts";
import { type ContractLock, createLock, formatLock, type LockedEvent } from "./contract-lock.ts";
import type { DeclaredEvent, DeclaredSystem, Participant } from "./declared-system.ts";
import { type Direction, type Finding, findingOf } from "./finding.ts";
import { describeSchema, type JsonSchema, normalizeSchema } from "./json-schema.ts";
import { checkProcedures } from "./procedure-check.ts";
import { findRejections } from "./rejections.ts";
import { tryCasts } from "./tried-casts.ts";

export interface CompatibilityReport {
  /** Empty: nobody breaks. */
  readonly findings: readonly Finding[];
  /** Whether the lock file says what is declared; `contracts lock` makes it so. */
  readonly isLocked: boolean;
  readonly checked: { readonly events: number; readonly versions: number };
}

/** Every finding, by event. An event that the lock does not have yet has nothing to be compatible with. */
export async function checkCompatibility(system: DeclaredSystem, lock: ContractLock): Promise<CompatibilityReport> {
  const { events, procedures } = system;
  const declared = new Map(events.map((event) => [event.type, event]));
  const types = [...new Set([...declared.keys(), ...Object.keys(lock.events)])].toSorted();
  const findings: Finding[] = [];
  for (const type of types) {
    const event = declared.get(type);
    const locked = lock.events[type];
    if (event === undefined) {
      findings.push(...removedEvent(type, locked as LockedEvent));
    } else {
      findings.push(...(await checkEvent(event, locked)));
    }
  }
  return {
    findings: [...findings, ...checkProcedures(procedures, lock)],
    isLocked: formatLock(createLock(system, lock)) === formatLock(lock),
    checked: { events: events.length, versions: events.reduce((sum, { contract }) => sum + contract.latestVersion, 0) },
  };
}

async function checkEvent(event: DeclaredEvent, locked: LockedEvent | undefined): Promise<readonly Finding[]> {
  const { contract } = event;
  const schemas = contract.versions.map((version) => describeSchema(version));
  const undescribed = schemas.flatMap((described, index) =>
    "problem" in described && contract.compatibility !== "NONE"
      ? [notDescribed(event, index + 1, described.problem)]
      : [],
  );
  const current = schemas.map((described) => ("schema" in described ? normalizeSchema(described.schema) : undefined));
  return [
    ...undescribed,
    ...(locked === undefined ? [] : compareWithLock(event, locked, current)),
    ...compareParticipants(event),
    ...(await tryCasts(event, current, locked)),
  ];
}

function compareWithLock(
  event: DeclaredEvent,
  locked: LockedEvent,
  current: readonly (JsonSchema | undefined)[],
): readonly Finding[] {
  const { type, contract } = event;
  const mode = readMode(contract.compatibility);
  const findings: Finding[] = [];
  const key = contract.describeKey();
  if (locked.key !== null && key !== undefined && key !== locked.key && contract.compatibility !== "NONE") {
    findings.push(keyChanged(event, locked.key, key));
  }
  for (const [text, revisions] of Object.entries(locked.versions)) {
    const version = Number(text);
    const schema = current[version - 1];
    if (version > contract.latestVersion) {
      findings.push(...(mode.backward ? [removedVersion(event, version)] : []));
    } else if (schema !== undefined) {
      const past = mode.transitive ? revisions : revisions.slice(-1);
      const isWritten = version >= contract.oldestWritableVersion;
      const where = { event: type, version, latest: contract.latestVersion };
      const backward = { ...where, direction: "backward" as const, breaks: namesOf(event.subscribers) };
      const forward = { ...where, direction: "forward" as const, breaks: deployedSubscribers(event, locked) };
      for (const revision of past) {
        findings.push(
          ...(mode.backward ? findRejections(revision, schema) : []).map((found) => findingOf(found, backward)),
          ...(mode.forward && isWritten ? findRejections(schema, revision) : []).map((found) =>
            findingOf(found, forward),
          ),
        );
      }
    }
  }
  if (mode.forward) {
    findings.push(...missingDowncasts(event, locked));
  }
  return distinctFindings(findings);
}

/** A reader that waits at an older version cannot be served unless the new one can be written as that. */
function missingDowncasts(event: DeclaredEvent, locked: LockedEvent): readonly Finding[] {
  const { contract, type } = event;
  const newest = Math.max(0, ...Object.keys(locked.versions).map(Number));
  const added = contract.versions.filter(
    ({ version, downcast }) => newest > 0 && version > newest && downcast === undefined,
  );
  return added.map(({ version }) => ({
    rule: "downcast-missing",
    event: type,
    version,
    direction: "forward",
    pointer: "",
    expected: `a downcast from version ${version} to ${version - 1}`,
    found: "none",
    breaks: deployedSubscribers(event, locked),
    fix: `Give version ${version} a downcast, and run publishers with publishVersions: { "${type}": ${newest} } until all subscribers are deployed. Where subscribers are always deployed first, declare compatibility: "BACKWARD_TRANSITIVE".`,
  }));
}

/** Services that declare the same event differently: what one writes the other has to read. */
function compareParticipants({ type, publishers, subscribers }: DeclaredEvent): readonly Finding[] {
  const pairs = publishers.flatMap((publisher) =>
    subscribers
      .filter((subscriber) => subscriber.contract !== publisher.contract)
      .map((subscriber) => [publisher, subscriber] as const),
  );
  return distinctFindings(pairs.flatMap(([publisher, subscriber]) => comparePair(type, publisher, subscriber)));
}

function comparePair(type: string, publisher: Participant, subscriber: Participant): readonly Finding[] {
  const version = publisher.contract.latestVersion;
  const reading = subscriber.contract.versions[version - 1];
  if (reading === undefined) {
    return [
      {
        rule: "version-not-known",
        event: type,
        version,
        direction: "forward",
        pointer: "",
        expected: `a version up to ${subscriber.contract.latestVersion}, which ${subscriber.name} declares`,
        found: `version ${version}, which ${publisher.name} publishes`,
        breaks: [subscriber.name],
        fix: `Declare version ${version} for ${subscriber.name}, or let ${publisher.name} write version ${subscriber.contract.latestVersion} through publishVersions.`,
      },
    ];
  }
  const written = describeSchema(publisher.contract.versions[version - 1] as Parameters<typeof describeSchema>[0]);
  const read = describeSchema(reading);
  if ("problem" in written || "problem" in read) {
    return [];
  }
  const where = { event: type, version, latest: version, direction: "forward", breaks: [subscriber.name] } as const;
  return findRejections(normalizeSchema(written.schema), normalizeSchema(read.schema)).map((rejection) => ({
    ...findingOf(rejection, where),
    fix: `Let ${publisher.name} and ${subscriber.name} share one declaration of version ${version}.`,
  }));
}

interface Mode {
  readonly backward: boolean;
  readonly forward: boolean;
  readonly transitive: boolean;
}

function readMode(mode: CompatibilityMode): Mode {
  return {
    backward: mode.startsWith("BACKWARD") || mode.startsWith("FULL"),
    forward: mode.startsWith("FORWARD") || mode.startsWith("FULL"),
    transitive: mode.endsWith("TRANSITIVE"),
  };
}

function namesOf(participants: readonly Participant[]): readonly string[] {
  return [...new Set(participants.map(({ name }) => name))];
}

function deployedSubscribers(event: DeclaredEvent, locked: LockedEvent): readonly string[] {
  return locked.subscribers.length > 0 ? locked.subscribers : namesOf(event.subscribers);
}

/** Several revisions of the past often show the same thing. */
function distinctFindings(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()];
}

function whole(rule: Finding["rule"], event: string, version: number | null, direction: Direction | null) {
  return { rule, event, version, direction, pointer: "" };
}

function removedEvent(type: string, locked: LockedEvent): readonly Finding[] {
  const finding: Finding = {
    ...whole("event-removed", type, null, "backward"),
    expected: "a declaration",
    found: "none",
    breaks: locked.subscribers,
    fix: "Keep the declaration while services or stored events need it; `throughline contracts check --against <nats url>` tells what is stored. Then accept it with `throughline contracts lock --accept-breaking`.",
  };
  return locked.compatibility === "NONE" ? [] : [finding];
}

function removedVersion({ type, subscribers, contract }: DeclaredEvent, version: number): Finding {
  return {
    ...whole("version-removed", type, version, "backward"),
    expected: `versions 1 to ${version}`,
    found: `versions 1 to ${contract.latestVersion}`,
    breaks: namesOf(subscribers),
    fix: `Declare version ${version} again: events of it may be stored, and publishers may still write it.`,
  };
}

function keyChanged({ type, publishers, subscribers }: DeclaredEvent, expected: string, found: string): Finding {
  return {
    ...whole("key-changed", type, null, "forward"),
    expected,
    found,
    breaks: namesOf([...publishers, ...subscribers]),
    fix: "Leave the key where it was. An event with another key is another event: declare it under another name.",
  };
}

function notDescribed({ type, subscribers }: DeclaredEvent, version: number, problem: string): Finding {
  return {
    ...whole("schema-not-described", type, version, null),
    expected: "a schema that JSON Schema can express",
    found: problem,
    breaks: namesOf(subscribers),
    fix: 'Use types that travel as JSON (a date as an ISO string), pass `jsonSchema` to .version(), or declare compatibility: "NONE".',
  };
}
