// What a service declares: the events it publishes, and a handler for each subscription.

import {
  type AnyEventContract,
  type AnyProcedureContract,
  type EventData,
  type EventEnvelope,
  type EventInput,
  isKebabCase,
  type ProcedureReply,
  type ProcedureRequestData,
  ThroughlineError,
  type WireHeaders,
} from "@throughline/contracts";
import { definePolicy, type Policy, type PolicyOptions } from "./policies/policy.ts";
import type { Call } from "./procedures/procedure-client.ts";
import type { PublishAllOptions, PublishOptions } from "./publishing/publish-options.ts";
import type { SqlTransaction } from "./store.ts";
import type { Logger } from "./telemetry/logger.ts";

/** What a handler is given beside the data. */
export interface HandlerContext<
  Published extends AnyEventContract = AnyEventContract,
  Type extends string = string,
  Called extends AnyProcedureContract = AnyProcedureContract,
> {
  /** The envelope of the event at hand. */
  readonly event: EventEnvelope<Type>;
  /** 1 on the first; counts what failed before, here or in another process. A delivery that nobody tried costs none. */
  readonly attempt: number;
  /** Set in a partitioned subscription: refuse effects whose token is smaller than one that was seen before. */
  readonly fence: Fence | undefined;
  /** Whether it was delivered before, so that an earlier attempt may have had effects without reaching its end. */
  readonly redelivered: boolean;
  /** Aborts when the attempt times out or the service stops for good; pass it to whatever the handler waits for. */
  readonly signal: AbortSignal;
  /** Carries the service's name, and event, correlation and trace ids. */
  readonly log: Logger;
  /**
   * The transaction of this attempt, where the service runs with a store: what happens in it, what is published, and that
   * the event was handled commit together, once. @throws STORE_MISSING without a store
   */
  readonly tx: SqlTransaction;
  /** The event's headers as they came, names in lower case: what the publisher added is among them. */
  readonly headers: WireHeaders;
  /**
   * Publishes an event that this one caused; resolves once it is stored, or, with a store, once it is part of the
   * transaction. Its id is derived from this event's, so a
   * repeated attempt repeats the id and the stream keeps one.
   * @throws BUS_EVENT_UNDECLARED, CONTRACT_DATA_INVALID, NATS_PUBLISH_REJECTED
   */
  readonly publish: Publish<Published>;
  readonly publishAll: PublishAll<Published>;
  readonly cancelSchedule: CancelSchedule<Published>;
  /** Asks another service; never longer than this attempt may take. */
  readonly call: Call<Called>;
}

/** What the handler of a procedure is given beside the request. */
export interface ProcedureContext<
  Published extends AnyEventContract = AnyEventContract,
  Called extends AnyProcedureContract = AnyProcedureContract,
> {
  /** Aborts when the caller no longer waits, the time is over, or the service stops. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** When nobody waits for the answer any more, in ms since 1970. */
  readonly deadlineMs: number;
  readonly headers: WireHeaders;
  readonly publish: Publish<Published>;
  readonly publishAll: PublishAll<Published>;
  readonly call: Call<Called>;
}

/** Tells a late worker of a partition from the one that took it over. */
export interface Fence {
  readonly partition: number;
  /** Greater for each later owner of the partition. */
  readonly token: number;
}

/**
 * Publishes one declared event; resolves with its envelope once it is stored, or once its schedule is.
 * Events of one key are stored in the order of the calls, whatever has to be tried again.
 * @throws BUS_EVENT_UNDECLARED, BUS_HEADER_RESERVED, BUS_PUBLISH_INVALID, BUS_FEATURE_UNSUPPORTED,
 * CONTRACT_DATA_INVALID, NATS_PUBLISH_REJECTED, NATS_PUBLISH_UNCONFIRMED, NATS_PAYLOAD_TOO_LARGE
 */
export type Publish<Published extends AnyEventContract> = <Contract extends Published>(
  contract: Contract,
  data: EventInput<Contract>,
  options?: PublishOptions,
) => Promise<EventEnvelope<Contract["type"]>>;

/**
 * Publishes many events, `[contract, data, options?]` each; resolves with their envelopes once all are stored.
 * @throws BUS_BATCH_INCOMPLETE when some were stored and some were not, and what `publish` throws with `atomic: true`
 */
export type PublishAll<Published extends AnyEventContract> = <const Contracts extends readonly Published[]>(
  events: readonly [...{ [Index in keyof Contracts]: EventToPublish<Contracts[Index]> }],
  options?: PublishAllOptions,
) => Promise<readonly EventEnvelope[]>;

export type EventToPublish<Contract> = readonly [
  contract: Contract,
  data: EventInput<Contract>,
  options?: PublishOptions,
];

/** Cancels what waits under a schedule's name (by default the event's id); false when nothing waits there any more. */
export type CancelSchedule<Published extends AnyEventContract> = <Contract extends Published>(
  contract: Contract,
  name: string,
) => Promise<boolean>;

/** Handles one event. Returning acks it; throwing leads to a retry, or to the dead letters. */
export type Handler<
  Contract extends AnyEventContract,
  Published extends AnyEventContract,
  Called extends AnyProcedureContract = AnyProcedureContract,
> = (data: EventData<Contract>, context: HandlerContext<Published, Contract["type"], Called>) => unknown;

/** Answers one question. Throw `failWith(…)` for an answer that the procedure declares as an error. */
export type ProcedureHandler<
  Procedure extends AnyProcedureContract,
  Published extends AnyEventContract,
  Called extends AnyProcedureContract,
> = (
  request: ProcedureRequestData<Procedure>,
  context: ProcedureContext<Published, Called>,
) => ProcedureReply<Procedure> | PromiseLike<ProcedureReply<Procedure>>;

export interface ServeOptions {
  /** Its time-out bounds an answer, its bulkhead how many are worked on. Default: `policies.standard`. */
  readonly policy?: Policy | PolicyOptions;
  /** Answers at a time; more are refused, so that the caller can ask another instance. Default: the bulkhead, else 64. */
  readonly concurrency?: number;
}

/** A procedure as it is served, with every default filled in. */
export interface ServedProcedure {
  readonly procedure: AnyProcedureContract;
  readonly policy: Policy;
  readonly concurrency: number;
  readonly handler: ProcedureHandler<AnyProcedureContract, AnyEventContract, AnyProcedureContract>;
}

export interface SubscriptionOptions {
  /** Names the durable consumer `<service>-<name>`. Default: the event's name, `placed` for `orders.placed`. */
  readonly name?: string;
  /** Default: `policies.standard`. */
  readonly policy?: Policy | PolicyOptions;
  /** Handlers that run side by side, always of different keys. Default: the policy's bulkhead, else 16. */
  readonly concurrency?: number;
  /**
   * `"none"` (default): a failed event waits for its retry while later events of its key go on.
   * `"key"`: a failed event holds its key (and no other) until it succeeds or is dead-lettered.
   */
  readonly order?: "none" | "key";
  /**
   * Spreads the subscription over instances with the order of each key kept: every partition has one active puller, and
   * keys stay in their partition. Implies `order: "key"`. Choose some multiple of the instances you expect; it cannot be
   * changed while events wait. Needs nats-server 2.10; see ADR 11 for what it costs.
   */
  readonly partitions?: number;
  /** Where a subscription that never ran before begins. Default `"first"`: nothing stored is missed. */
  readonly startFrom?: "first" | "new";
}

/** A subscription as it was declared, with every default filled in. */
export interface Subscription {
  readonly name: string;
  readonly durable: string;
  readonly stream: string;
  readonly contracts: ReadonlyMap<string, AnyEventContract>;
  readonly policy: Policy;
  readonly concurrency: number;
  readonly order: "none" | "key";
  readonly startFrom: "first" | "new";
  readonly partitions: number | undefined;
  readonly handler: Handler<AnyEventContract, AnyEventContract>;
}

/** Each is a durable consumer. */
const maxPartitions = 64;

type OneOf<Contracts> = Contracts extends readonly (infer Contract extends AnyEventContract)[]
  ? Contract
  : Contracts extends AnyEventContract
    ? Contracts
    : never;

/** A declared service; `run` brings it to life. */
export interface Service<
  Published extends AnyEventContract = AnyEventContract,
  Called extends AnyProcedureContract = AnyProcedureContract,
> {
  readonly name: string;
  readonly publishes: readonly Published[];
  readonly calls: readonly Called[];
  readonly subscriptions: readonly Subscription[];
  readonly procedures: readonly ServedProcedure[];
  /** Subscribes to one event, or to several of one context that share a durable consumer. @throws BUS_SERVICE_INVALID */
  on<const Contracts extends AnyEventContract | readonly AnyEventContract[]>(
    contracts: Contracts,
    handler: Handler<OneOf<Contracts>, Published, Called>,
  ): this;
  on<const Contracts extends AnyEventContract | readonly AnyEventContract[]>(
    contracts: Contracts,
    options: SubscriptionOptions,
    handler: Handler<OneOf<Contracts>, Published, Called>,
  ): this;
  /** Answers a procedure; instances share the questions. @throws BUS_SERVICE_INVALID */
  serve<Procedure extends AnyProcedureContract>(
    procedure: Procedure,
    handler: ProcedureHandler<Procedure, Published, Called>,
  ): this;
  serve<Procedure extends AnyProcedureContract>(
    procedure: Procedure,
    options: ServeOptions,
    handler: ProcedureHandler<Procedure, Published, Called>,
  ): this;
}

/**
 * Declares a service by its kebab-case name, the events it may publish and the procedures it may call.
 * @throws BUS_SERVICE_INVALID
 */
export function defineService<
  const Contracts extends readonly AnyEventContract[] = readonly [],
  const Procedures extends readonly AnyProcedureContract[] = readonly [],
>(
  name: string,
  options: { readonly publishes?: Contracts; readonly calls?: Procedures } = {},
): Service<Contracts[number], Procedures[number]> {
  requireKebabCase("service", name);
  requireOneDeclarationEach(name, options.publishes ?? []);
  const subscriptions: Subscription[] = [];
  const procedures: ServedProcedure[] = [];
  const service: Service = {
    name,
    publishes: options.publishes ?? [],
    calls: options.calls ?? [],
    subscriptions,
    procedures,
    serve(procedure: AnyProcedureContract, ...rest: unknown[]) {
      const handler = rest.pop() as ServedProcedure["handler"];
      const [serveOptions = {}] = rest as [ServeOptions?];
      if (procedures.some((other) => other.procedure.name === procedure.name)) {
        throw invalidService(name, `it serves ${procedure.name} twice`);
      }
      const policy = isPolicy(serveOptions.policy) ? serveOptions.policy : definePolicy(serveOptions.policy);
      const concurrency = serveOptions.concurrency ?? policy.bulkhead?.limit ?? 64;
      procedures.push({ procedure, policy, concurrency, handler });
      return service;
    },
    on(contracts: unknown, ...rest: unknown[]) {
      const handler = rest.pop() as Subscription["handler"];
      const [subscriptionOptions = {}] = rest as [SubscriptionOptions?];
      const list = (Array.isArray(contracts) ? contracts : [contracts]) as readonly AnyEventContract[];
      const known = [service.publishes, ...subscriptions.map(({ contracts }) => [...contracts.values()])].flat();
      requireOneDeclarationEach(name, [...known, ...list]);
      subscriptions.push(createSubscription(name, list, subscriptionOptions, handler, subscriptions));
      return service;
    },
  };
  return service as unknown as Service<Contracts[number], Procedures[number]>;
}

function createSubscription(
  service: string,
  contracts: readonly AnyEventContract[],
  options: SubscriptionOptions,
  handler: Subscription["handler"],
  others: readonly Subscription[],
): Subscription {
  const [first] = contracts;
  if (first === undefined) {
    throw invalidService(service, "a subscription needs at least one event");
  }
  const name = options.name ?? first.type.slice(first.context.length + 1);
  requireKebabCase("subscription", name);
  if (others.some((other) => other.name === name)) {
    throw invalidService(service, `two subscriptions are named "${name}"; pass \`name\` to tell them apart`);
  }
  const foreign = contracts.find((contract) => contract.context !== first.context);
  if (foreign !== undefined) {
    throw invalidService(service, `subscription "${name}" mixes ${first.type} and ${foreign.type}: one context each`);
  }
  const policy = isPolicy(options.policy) ? options.policy : definePolicy(options.policy);
  const concurrency = options.concurrency ?? policy.bulkhead?.limit ?? 16;
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw invalidService(service, `subscription "${name}": concurrency is a whole number from 1, found ${concurrency}`);
  }
  const { partitions } = options;
  if (partitions !== undefined && (!Number.isInteger(partitions) || partitions < 1 || partitions > maxPartitions)) {
    const expected = `a whole number from 1 to ${maxPartitions}`;
    throw invalidService(service, `subscription "${name}": partitions is ${expected}, found ${partitions}`);
  }
  return {
    name,
    durable: `${service}-${name}`,
    stream: first.stream,
    contracts: new Map(contracts.map((contract) => [contract.type, contract])),
    policy,
    concurrency,
    order: options.partitions === undefined ? (options.order ?? "none") : "key",
    partitions: options.partitions,
    startFrom: options.startFrom ?? "first",
    handler,
  };
}

/** Two declarations of one event in one service: one of them is out of date, and nobody can tell which. */
function requireOneDeclarationEach(service: string, contracts: readonly AnyEventContract[]): void {
  const twice = contracts.find((contract) =>
    contracts.some((other) => other.type === contract.type && other !== contract),
  );
  if (twice !== undefined) {
    throw invalidService(service, `it uses two different declarations of ${twice.type}: share one`);
  }
}

function isPolicy(policy: Policy | PolicyOptions | undefined): policy is Policy {
  return policy !== undefined && "execute" in policy;
}

function requireKebabCase(what: string, name: string): void {
  if (!isKebabCase(name)) {
    throw new ThroughlineError("BUS_SERVICE_INVALID", `"${name}" is no ${what} name.`, { details: { [what]: name } });
  }
}

function invalidService(service: string, problem: string): ThroughlineError {
  return new ThroughlineError("BUS_SERVICE_INVALID", `Service "${service}": ${problem}.`, { details: { service } });
}
