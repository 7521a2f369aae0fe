// What an event is: a name, a key and a chain of versions, declared once and used by every service.

import type { StandardSchemaV1 } from "@standard-schema/spec";
import { ThroughlineError } from "../errors/throughline-error.ts";
import { encodeKey, parseEventType, streamOfContext, subjectOfEvent } from "../wire/event-subject.ts";
import type { EventVersion } from "./event-version.ts";
import { describeKey } from "./key-description.ts";
import { validateData } from "./schema-validation.ts";

/** What later revisions of a declaration must stay compatible with, by the names that schema registries use. */
export type CompatibilityMode =
  | "NONE"
  | "BACKWARD"
  | "BACKWARD_TRANSITIVE"
  | "FORWARD"
  | "FORWARD_TRANSITIVE"
  | "FULL"
  | "FULL_TRANSITIVE";

/**
 * A typed, versioned event. `Input` is what a publisher hands over and what travels as JSON; `Output` is what a
 * handler gets after validation (the two differ only where a schema transforms or fills in defaults).
 */
export interface EventContract<Type extends string = string, Input = unknown, Output = unknown> {
  readonly type: Type;
  /** The bounded context: the first token of the type, which owns the stream. */
  readonly context: string;
  readonly stream: string;
  /** What happened, in a sentence, for the documents. */
  readonly description: string | undefined;
  /** What `throughline contracts check` holds changes of this event to. */
  readonly compatibility: CompatibilityMode;
  /** Whether events may be published for later. */
  readonly schedulable: boolean;
  /** The newest version, which handlers get, and which publishers write unless told otherwise. */
  readonly latestVersion: number;
  /** The oldest version that a chain of downcasts leads to; the newest where there is none. */
  readonly oldestWritableVersion: number;
  readonly versions: readonly EventVersion[];
  /** The subject for this data. @throws CONTRACT_KEY_INVALID */
  subjectOf(data: Input): string;
  /** The aggregate id in this data. @throws CONTRACT_KEY_INVALID */
  keyOf(data: Input): string;
  /** Where in the data the key comes from, for example `{/orderId}`; undefined when it cannot be told. */
  describeKey(): string | undefined;
  /** Checks data of the newest version. @throws CONTRACT_DATA_INVALID */
  parse(data: unknown): Output | Promise<Output>;
  /** Turns stored data of any known version into the newest. @throws CONTRACT_DATA_INVALID, CONTRACT_VERSION_UNKNOWN */
  parseVersion(version: number, data: unknown): Output | Promise<Output>;
  /**
   * Turns valid data of the newest version into what an older one says, for publishers that still write that.
   * @throws CONTRACT_DATA_INVALID, CONTRACT_VERSION_INVALID
   */
  downcast(version: number, data: Input): unknown;
  /** Carries the types for inference only; has no value. */
  readonly types?: { readonly input: Input; readonly output: Output };
}

/** The data that a publisher of this contract hands over. */
export type EventInput<Contract> = Contract extends EventContract<string, infer Input, unknown> ? Input : never;
/** The data that a handler of this contract gets. */
export type EventData<Contract> = Contract extends EventContract<string, infer _, infer Output> ? Output : never;
/** Any contract, whatever its data. */
// biome-ignore lint/suspicious/noExplicitAny: data types are contravariant in `keyOf`; only `any` accepts them all.
export type AnyEventContract = EventContract<string, any, any>;

type Increment<Versions extends readonly unknown[]> = [...Versions, unknown]["length"] & number;

/** How a version relates to the one before it. */
export interface VersionOptions<Previous, Data> extends VersionDescription<Data> {
  /** Turns data of the version before into data of this one; runs whenever an older stored event is handled. */
  readonly upcast: (previous: Previous) => Data;
  /**
   * The way back, for publishers that go on writing the version before while others are not deployed yet. Throws where the
   * version before cannot say it: publishing rejects then.
   */
  readonly downcast?: (data: Data) => Previous;
}

/** What can be said about any version. */
export interface VersionDescription<Data> {
  /** What data of this version looks like: shown in the documents, and checked like stored events. */
  readonly examples?: readonly Data[];
  /** JSON Schema (draft 2020-12) of what travels, where the schema's library gives none itself. */
  readonly jsonSchema?: { readonly [keyword: string]: unknown };
}

/** A contract under construction: already usable, and open for the next version. */
export interface EventContractBuilder<Type extends string, Keyed, Versions extends readonly unknown[], Input, Output>
  extends EventContract<Type, Input, Output> {
  /** Adds the next version. Returns a new contract; the old one stays as it was. @throws CONTRACT_VERSION_INVALID */
  version<Schema extends StandardSchemaV1<unknown, Keyed>>(
    version: Increment<Versions>,
    schema: Schema,
    options: VersionOptions<Input, StandardSchemaV1.InferInput<Schema>>,
  ): EventContractBuilder<
    Type,
    Keyed,
    [...Versions, Schema],
    StandardSchemaV1.InferInput<Schema>,
    StandardSchemaV1.InferOutput<Schema>
  >;
}

/** What `defineEvent` returns: a name and a key that wait for version 1. */
export interface EventDefinition<Type extends string, Keyed> {
  /** Adds version 1. @throws CONTRACT_VERSION_INVALID */
  version<Schema extends StandardSchemaV1<unknown, Keyed>>(
    version: 1,
    schema: Schema,
    options?: VersionDescription<StandardSchemaV1.InferInput<Schema>>,
  ): EventContractBuilder<
    Type,
    Keyed,
    [Schema],
    StandardSchemaV1.InferInput<Schema>,
    StandardSchemaV1.InferOutput<Schema>
  >;
}

export interface EventOptions<Keyed> {
  /** Picks the aggregate id out of the data. */
  readonly key: (data: Keyed) => string;
  /** What happened, in a sentence, for the documents. */
  readonly description?: string;
  /** Default `"FULL_TRANSITIVE"`: nobody breaks, whatever revision is stored or deployed. */
  readonly compatibility?: CompatibilityMode;
  /**
   * Whether events may be published for later (`schedule` in the options of publish). It has a price, so it is off by
   * default: servers allow roll-ups with schedules, so whoever may publish in this context may also delete from its stream.
   */
  readonly schedulable?: boolean;
}

/**
 * Declares an event. `type` is `<context>.<event>` in lower-case kebab-case; `key` picks the aggregate id out of the
 * data. Annotate the key's parameter (`(order: { orderId: string }) => order.orderId`) to have every version checked
 * against it.
 * @throws CONTRACT_NAME_INVALID
 */
// biome-ignore lint/suspicious/noExplicitAny: the schemas follow later in the chain; an unannotated key reads untyped data.
export function defineEvent<const Type extends `${string}.${string}`, Keyed = any>(
  type: Type,
  options: EventOptions<Keyed>,
): EventDefinition<Type, Keyed> {
  const { context } = parseEventType(type);
  const extend = (versions: readonly EventVersion[]): unknown => {
    const latest = versions.at(-1);
    return {
      type,
      context,
      stream: streamOfContext(context),
      description: options.description,
      compatibility: options.compatibility ?? "FULL_TRANSITIVE",
      schedulable: options.schedulable ?? false,
      latestVersion: versions.length,
      oldestWritableVersion: oldestWritable(versions),
      versions,
      subjectOf: (data: Keyed) => subjectOfEvent(type, options.key(data)),
      keyOf: (data: Keyed) => {
        const key = options.key(data);
        encodeKey(key);
        return key;
      },
      describeKey: () => describeKey(options.key as (data: unknown) => unknown),
      parse: (data: unknown) => validateData(type, latest as EventVersion, data),
      parseVersion: (version: number, data: unknown) => upcastAndValidate(type, versions, version, data),
      downcast: (version: number, data: unknown) => downcastAndValidate(type, versions, version, data),
      version: (version: number, schema: StandardSchemaV1, casts: Partial<EventVersion> = {}) => {
        requireNextVersion(type, versions.length + 1, version, casts.upcast !== undefined);
        return extend([...versions, { ...casts, version, schema }]);
      },
    };
  };
  return extend([]) as EventDefinition<Type, Keyed>;
}

function requireNextVersion(type: string, expected: number, found: number, hasUpcaster: boolean): void {
  if (found !== expected) {
    throw new ThroughlineError(
      "CONTRACT_VERSION_INVALID",
      `${type}: expected version ${expected} next, found ${found}.`,
    );
  }
  if (hasUpcaster !== expected > 1) {
    const problem = hasUpcaster ? "has nothing to upcast from" : "needs an upcaster from the version before";
    throw new ThroughlineError("CONTRACT_VERSION_INVALID", `${type}: version ${found} ${problem}.`);
  }
}

function oldestWritable(versions: readonly EventVersion[]): number {
  const oldest = versions.findLast(({ downcast }) => downcast === undefined);
  return oldest?.version ?? 1;
}

type Cast = (data: unknown) => unknown;

/** Stored data is checked against its own version first, so an upcaster only ever sees what it was written for. */
function upcastAndValidate(type: string, versions: readonly EventVersion[], version: number, data: unknown): unknown {
  const stored = versions[version - 1];
  const latest = versions.at(-1);
  if (stored === undefined || latest === undefined) {
    throw new ThroughlineError(
      "CONTRACT_VERSION_UNKNOWN",
      `${type} arrived as version ${version}; this service knows versions 1 to ${versions.length}.`,
      { details: { type, expected: `1..${versions.length}`, found: version } },
    );
  }
  const checked = validateData(type, stored, data);
  if (stored === latest) {
    return checked;
  }
  const upcast = (): unknown => {
    const newest = versions.slice(version).reduce((older, next) => (next.upcast as Cast)(older), data);
    return validateData(type, latest, newest);
  };
  return checked instanceof Promise ? checked.then(upcast) : upcast();
}

/** The result is checked too: nobody is sent an older version that is none. */
function downcastAndValidate(type: string, versions: readonly EventVersion[], version: number, data: unknown): unknown {
  const oldest = oldestWritable(versions);
  const target = versions[version - 1];
  if (target === undefined || version < oldest) {
    throw new ThroughlineError(
      "CONTRACT_VERSION_INVALID",
      `${type}: version ${version} cannot be written; downcasts lead from version ${versions.length} to ${oldest}.`,
      {
        details: { type, expected: `${oldest}..${versions.length}`, found: version },
        remedy: `Give the versions after ${version} a downcast, or write a version from ${oldest} on.`,
      },
    );
  }
  const older = versions.slice(version).reduceRight((newer, from) => (from.downcast as Cast)(newer), data);
  const checked = validateData(type, target, older);
  return checked instanceof Promise ? checked.then(() => older) : older;
}
