// Who publishes and who reads which event, out of the declarations of services.

import type { AnyEventContract } from "../declaration/event-contract.ts";
import type { AnyProcedureContract } from "../declaration/procedure-contract.ts";

/** What is read of a service; `defineService` of @throughline/core returns more than this. */
export interface DeclaredService {
  readonly name: string;
  readonly publishes: readonly AnyEventContract[];
  readonly subscriptions: readonly {
    readonly name: string;
    readonly durable?: string;
    readonly contracts: ReadonlyMap<string, AnyEventContract>;
  }[];
  /** What it asks. */
  readonly calls?: readonly AnyProcedureContract[];
  /** What it answers. */
  readonly procedures?: readonly { readonly procedure: AnyProcedureContract }[];
}

/** One side of an event: who, and by which declaration. */
export interface Participant {
  /** A service, or `<service>/<subscription>`. */
  readonly name: string;
  readonly contract: AnyEventContract;
}

export interface DeclaredEvent {
  readonly type: string;
  /** The declaration that is compared with the lock: the one with the most versions, where there are several. */
  readonly contract: AnyEventContract;
  readonly publishers: readonly Participant[];
  readonly subscribers: readonly Participant[];
}

export interface DeclaredProcedure {
  readonly name: string;
  readonly procedure: AnyProcedureContract;
  /** Services that ask. */
  readonly callers: readonly string[];
  /** Services that answer. */
  readonly servers: readonly string[];
}

/** What is declared, as it is compared and documented. */
export interface DeclaredSystem {
  readonly events: readonly DeclaredEvent[];
  readonly procedures: readonly DeclaredProcedure[];
}

/** Every procedure of these services, by name in alphabetical order. */
export function collectProcedures(services: readonly DeclaredService[]): readonly DeclaredProcedure[] {
  const asked = services.flatMap(({ name, calls = [] }) => calls.map((procedure) => ({ name, procedure })));
  const answered = services.flatMap(({ name, procedures = [] }) =>
    procedures.map(({ procedure }) => ({ name, procedure })),
  );
  const all = new Map([...asked, ...answered].map(({ procedure }) => [procedure.name, procedure]));
  const namesOf = (participants: typeof asked, wanted: string) =>
    participants
      .filter(({ procedure }) => procedure.name === wanted)
      .map(({ name }) => name)
      .toSorted();
  return [...all]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, procedure]) => ({
      name,
      procedure,
      callers: namesOf(asked, name),
      servers: namesOf(answered, name),
    }));
}

/** Every event of these services and contracts, by type in alphabetical order. */
export function collectEvents(
  services: readonly DeclaredService[],
  contracts: readonly AnyEventContract[] = [],
): readonly DeclaredEvent[] {
  const publishers = services.flatMap(({ name, publishes }) => publishes.map((contract) => ({ name, contract })));
  const subscribers = services.flatMap(({ name, subscriptions }) =>
    subscriptions.flatMap((subscription) =>
      [...subscription.contracts.values()].map((contract) => ({ name: `${name}/${subscription.name}`, contract })),
    ),
  );
  const all = [...publishers, ...subscribers].map(({ contract }) => contract).concat(contracts);
  const types = [...new Set(all.map(({ type }) => type))].toSorted();
  const of = (participants: readonly Participant[], type: string) =>
    participants
      .filter(({ contract }) => contract.type === type)
      .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return types.map((type) => {
    const declarations = all.filter((contract) => contract.type === type);
    const contract = declarations.reduce((a, b) => (b.latestVersion > a.latestVersion ? b : a));
    return { type, contract, publishers: of(publishers, type), subscribers: of(subscribers, type) };
  });
}
