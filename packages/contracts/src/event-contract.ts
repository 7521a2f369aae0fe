// What an event is: a name, a key and a chain of versions, declared once and used by every service.

import type { StandardSchemaV1 } from "@standard-schema/spec";
import { encodeKey, parseEventType, streamOfContext, subjectOfEvent } from "./event-subject.ts";
import { validateData } from "./schema-validation.ts";
import { ThroughlineError } from "./throughline-error.ts";

/** One version of an event: its schema, and how data of the version before becomes data of this one. */
export interface EventVersion {
  readonly version: number;
  readonly schema: StandardSchemaV1;
  readonly upcast?: (previous: never) => unknown;
}

/**
 * A typed, versioned event. `Input` is what a publisher hands over and what travels as JSON; `Output` is what a
 * handler gets after validation (the two differ only where a schema transforms or fills in defaults).
 */
export interface EventContract<Type extends string = string, Input = unknown, Output = unknown> {
  readonly type: Type;
  /** The bounded context: the first token of the type, which owns the stream. */
  readonly context: string;
  readonly stream: string;
  /** The newest version, which publishers write and handlers get. */
  readonly latestVersion: number;
  readonly versions: readonly EventVersion[];
  /** The subject for this data. @throws CONTRACT_KEY_INVALID */
  subjectOf(data: Input): string;
  /** The aggregate id in this data. @throws CONTRACT_KEY_INVALID */
  keyOf(data: Input): string;
  /** Checks data of the newest version. @throws CONTRACT_DATA_INVALID */
  parse(data: unknown): Output | Promise<Output>;
  /** Turns stored data of any known version into the newest. @throws CONTRACT_DATA_INVALID, CONTRACT_VERSION_UNKNOWN */
  parseVersion(version: number, data: unknown): Output | Promise<Output>;
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

/** A contract under construction: already usable, and open for the next version. */
export interface EventContractBuilder<Type extends string, Keyed, Versions extends readonly unknown[], Input, Output>
  extends EventContract<Type, Input, Output> {
  /**
   * Adds the next version. From the second on, `upcast` turns data of the version before into data of this one;
   * it runs whenever an older stored event is handled. Returns a new contract; the old one stays as it was.
   * @throws CONTRACT_VERSION_INVALID
   */
  version<Schema extends StandardSchemaV1<unknown, Keyed>>(
    version: Increment<Versions>,
    schema: Schema,
    options: { readonly upcast: (previous: Input) => StandardSchemaV1.InferInput<Schema> },
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
  ): EventContractBuilder<
    Type,
    Keyed,
    [Schema],
    StandardSchemaV1.InferInput<Schema>,
    StandardSchemaV1.InferOutput<Schema>
  >;
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
  options: { readonly key: (data: Keyed) => string },
): EventDefinition<Type, Keyed> {
  const { context } = parseEventType(type);
  const extend = (versions: readonly EventVersion[]): unknown => {
    const latest = versions.at(-1);
    return {
      type,
      context,
      stream: streamOfContext(context),
      latestVersion: versions.length,
      versions,
      subjectOf: (data: Keyed) => subjectOfEvent(type, options.key(data)),
      keyOf: (data: Keyed) => {
        const key = options.key(data);
        encodeKey(key);
        return key;
      },
      parse: (data: unknown) => validateData(type, latest as EventVersion, data),
      parseVersion: (version: number, data: unknown) => upcastAndValidate(type, versions, version, data),
      version: (version: number, schema: StandardSchemaV1, { upcast }: Pick<EventVersion, "upcast"> = {}) => {
        requireNextVersion(type, versions.length + 1, version, upcast !== undefined);
        return extend([...versions, upcast === undefined ? { version, schema } : { version, schema, upcast }]);
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
    const newest = versions
      .slice(version)
      .reduce((older, next) => (next.upcast as (v: unknown) => unknown)(older), data);
    return validateData(type, latest, newest);
  };
  return checked instanceof Promise ? checked.then(upcast) : upcast();
}
