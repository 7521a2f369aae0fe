// Brings a declared service to life, and ends it cleanly.

import {
  type AnyEventContract,
  type AnyProcedureContract,
  type EventEnvelope,
  ThroughlineError,
} from "@throughline/contracts";
import { type Clock, systemClock } from "./clock.ts";
import { deadLetterStream } from "./dead-letters/dead-letter.ts";
import { attemptStream } from "./delivery/attempt-stream.ts";
import type { Runner } from "./delivery/runner.ts";
import { type RunnerParts, SubscriptionRunner } from "./delivery/subscription-runner.ts";
import { subscriptionTopology } from "./delivery/subscription-topology.ts";
import { Housekeeping } from "./housekeeping.ts";
import { leaseStream } from "./partitions/lease-stream.ts";
import { PartitionedRunner } from "./partitions/partitioned-runner.ts";
import { type Call, ProcedureClient } from "./procedures/procedure-client.ts";
import { ProcedureServer } from "./procedures/procedure-server.ts";
import type { PublishEntry } from "./publishing/event-batch.ts";
import { EventPublisher } from "./publishing/event-publisher.ts";
import { journeyStream } from "./publishing/journey-links.ts";
import { WrittenVersions } from "./publishing/written-versions.ts";
import type { CancelSchedule, Publish, PublishAll, Service } from "./service.ts";
import type { SqlTransaction, Store, StoreConnection } from "./store.ts";
import { createConsoleLogger, type Logger } from "./telemetry/logger.ts";
import { Tracing } from "./telemetry/tracing.ts";
import type { ConsumptionHealth, OutgoingMessage, Topology, Transport, TransportConnection } from "./transport.ts";

export interface RunOptions<Type extends string = string> {
  readonly transport: Transport;
  /**
   * Events to be written in an older version, `{ "orders.placed": 1 }`, while services that know no newer one still run.
   * Needs downcasts. Default: the newest of each.
   */
  readonly publishVersions?: { readonly [Event in Type]?: number };
  /**
   * The database of the service: handlers get `context.tx`, and what they publish commits with it. Default: none.
   */
  readonly store?: Store;
  /** A Pino instance, or anything with its methods. Default: JSON lines on standard output. */
  readonly logger?: Logger;
  /** Stop on SIGTERM and SIGINT; a second signal ends the process at once. Default true. */
  readonly signals?: boolean;
  /** How long running handlers may take once the service stops. Default 10,000 ms. */
  readonly shutdownGraceMs?: number;
  /** Runs first when the service stops: close what brings in new work, such as an HTTP server. */
  readonly beforeStop?: () => unknown;
  /** Runs last: flush telemetry, close pools. */
  readonly afterStop?: () => unknown;
  readonly clock?: Clock;
}

export interface ServiceHealth {
  readonly status: "ready" | "degraded" | "draining" | "stopped";
  /** What is wrong, one line each. */
  readonly problems: readonly string[];
  readonly subscriptions: Readonly<Record<string, ConsumptionHealth>>;
}

/** A service at work. */
export interface RunningService<
  Published extends AnyEventContract = AnyEventContract,
  Called extends AnyProcedureContract = AnyProcedureContract,
> extends AsyncDisposable {
  readonly name: string;
  /** Publishes an event that no handled event caused: it begins a journey. Declared events only. */
  readonly publish: Publish<Published>;
  readonly publishAll: PublishAll<Published>;
  readonly cancelSchedule: CancelSchedule<Published>;
  /**
   * A transaction for what no handled event caused: pass it to `publish` as `transaction`, and the event is published when
   * all of it has committed. Tried again after conflicts. @throws STORE_MISSING, STORE_UNAVAILABLE
   */
  readonly transaction: <Result>(work: (tx: SqlTransaction) => Result | Promise<Result>) => Promise<Result>;
  /** Asks another service and waits for its answer. Declared procedures only. */
  readonly call: Call<Called>;
  health(): ServiceHealth;
  /** Stops pulling, waits for handlers, flushes acks, closes. Safe to call more than once. */
  stop(): Promise<void>;
  /** Settles when the service has stopped, whatever stopped it. */
  readonly stopped: Promise<void>;
}

/** What a service needs on the broker: the streams of its contexts and its durable consumers. */
export function topologyOf(service: Service): Topology {
  const contracts = [...service.publishes, ...service.subscriptions.flatMap((s) => [...s.contracts.values()])];
  const byStream = Map.groupBy(contracts, ({ stream }) => stream);
  const streams = [...byStream].map(([name, [first, ...others]]) => {
    const schedules = [first, ...others].some((contract) => contract?.schedulable);
    return { name, subjects: [`${first?.context}.>`], ...(schedules && { schedules }) };
  });
  const isPartitioned = service.subscriptions.some(({ partitions }) => partitions !== undefined);
  return {
    streams: [...streams, deadLetterStream, attemptStream, journeyStream, ...(isPartitioned ? [leaseStream] : [])],
    subscriptions: service.subscriptions.map(subscriptionTopology),
  };
}

/**
 * Connects, provisions what is missing, and starts every subscription; resolves when the service is ready.
 * @throws CONTRACT_VERSION_INVALID for a version that cannot be written, NATS_… when the transport cannot be reached or provisioned
 */
export async function run<Published extends AnyEventContract, Called extends AnyProcedureContract>(
  service: Service<Published, Called>,
  options: RunOptions<Published["type"]>,
): Promise<RunningService<Published, Called>> {
  const { transport, clock = systemClock, signals = true, shutdownGraceMs = 10_000 } = options;
  const logger = (options.logger ?? createConsoleLogger()).child({ service: service.name });
  const written = new WrittenVersions(service.name, service.publishes, options.publishVersions ?? {});
  const connection = await transport.connect({ service: service.name, logger });
  const tracing = new Tracing(connection.peer);
  const { name, publishes } = service;
  let store: StoreConnection | undefined;
  const publisher = new EventPublisher({
    service: name,
    publishes,
    written,
    connection,
    store: () => store,
    tracing,
    clock,
  });
  const client = new ProcedureClient({ service: name, calls: service.calls, connection, tracing });
  const { procedures } = service;
  const server = new ProcedureServer({
    service: name,
    procedures,
    connection,
    publisher,
    client,
    tracing,
    clock,
    logger,
  });
  let runnersByName: ReadonlyMap<string, Runner>;
  let runners: readonly Runner[];
  try {
    requireFleetPause(service, connection);
    await connection.provision(topologyOf(service));
    const publish = (message: OutgoingMessage) => connection.publish(message);
    store = await options.store?.connect({ service: name, logger, publish });
    const parts = { service: name, store, connection, publisher, client, tracing, clock, logger };
    runnersByName = new Map(
      service.subscriptions.map((subscription) => [subscription.name, createRunner({ ...parts, subscription })]),
    );
    runners = [...runnersByName.values()];
    await Promise.all([server.start(), ...runners.map((runner) => runner.start())]);
  } catch (error) {
    await store?.close();
    await connection.close();
    throw error;
  }

  const housekeeping = new Housekeeping(service, runnersByName, { connection, clock, logger });
  housekeeping.start();

  let phase: "running" | "draining" | "stopped" = "running";
  const { promise: stopped, resolve: resolveStopped } = Promise.withResolvers<void>();
  const stopNow = async () => {
    phase = "draining";
    removeSignals();
    await options.beforeStop?.();
    await Promise.all([
      housekeeping.stop(),
      server.stop(shutdownGraceMs),
      ...runners.map((runner) => runner.stop(shutdownGraceMs)),
    ]);
    publisher.stop();
    await store?.close();
    await connection.close();
    phase = "stopped";
    logger.info({}, "stopped");
    await options.afterStop?.();
  };
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= stopNow().finally(resolveStopped);
    return stopping;
  };
  const removeSignals = signals ? stopOnSignals(stop, logger) : () => undefined;

  logger.info({ subscriptions: runners.map(({ durable }) => durable), server: connection.peer }, "ready");
  return {
    name,
    publish: (contract, data, options) =>
      publisher.publish(contract, data, options) as Promise<EventEnvelope<typeof contract.type>>,
    publishAll: (events, options) => publisher.publishAll(events as readonly PublishEntry[], options),
    cancelSchedule: (contract, name) => publisher.cancelSchedule(contract, name),
    transaction: async (work) => {
      if (store === undefined) {
        throw new ThroughlineError("STORE_MISSING", `Service "${name}" runs without a store.`);
      }
      return await store.transaction(({ tx }) => work(tx));
    },
    call: (procedure, request, options) => client.call(procedure, request, options) as never,
    health: () => {
      const subscriptions = Object.fromEntries(runners.map((runner) => [runner.durable, runner.health()]));
      const transportHealth = connection.health();
      const storeProblem = store?.problem();
      const problems = [
        ...(storeProblem === undefined ? [] : [storeProblem]),
        ...(transportHealth.problem === undefined ? [] : [transportHealth.problem]),
        ...Object.entries(subscriptions).flatMap(([durable, { problem }]) =>
          problem ? [`${durable}: ${problem}`] : [],
        ),
      ];
      const pulling = Object.values(subscriptions).every((subscription) => subscription.pulling);
      const ready = transportHealth.connected && pulling && storeProblem === undefined;
      return { status: phase === "running" ? (ready ? "ready" : "degraded") : phase, problems, subscriptions };
    },
    stop,
    stopped,
    [Symbol.asyncDispose]: stop,
  };
}

/** A circuit that is meant for all instances must not be one for this instance only. @throws BUS_FEATURE_UNSUPPORTED */
function requireFleetPause({ subscriptions }: Service, connection: TransportConnection): void {
  const wanting = subscriptions.find(({ policy }) => policy.breaker?.scope === "fleet");
  if (wanting !== undefined && !connection.supports("fleet-pause")) {
    const { system, version } = connection.peer;
    throw new ThroughlineError(
      "BUS_FEATURE_UNSUPPORTED",
      `The circuit of ${wanting.durable} has scope "fleet", and ${system} ${version} cannot pause a durable consumer.`,
      {
        details: { durable: wanting.durable, feature: "fleet-pause", found: version },
        remedy: 'Run nats-server 2.11 or newer, or give the breaker scope "instance".',
      },
    );
  }
}

function createRunner(parts: RunnerParts): Runner {
  const { partitions } = parts.subscription;
  return partitions === undefined ? new SubscriptionRunner(parts) : new PartitionedRunner(parts, partitions);
}

function stopOnSignals(stop: () => Promise<void>, logger: Logger): () => void {
  const onSignal = (signal: NodeJS.Signals) => {
    logger.info({ signal }, "stopping");
    const exitCode = signal === "SIGINT" ? 130 : 143;
    for (const name of ["SIGTERM", "SIGINT"] as const) {
      process.once(name, () => process.exit(exitCode));
    }
    stop().catch((error: unknown) => {
      logger.error({ err: error }, "could not stop cleanly");
      process.exitCode = 1;
    });
  };
  process.once("SIGTERM", onSignal);
  process.once("SIGINT", onSignal);
  return () => {
    process.off("SIGTERM", onSignal);
    process.off("SIGINT", onSignal);
  };
}
