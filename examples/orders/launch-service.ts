// What the five processes have in common: telemetry first, one line of JSON per log entry, NATS and Postgres from the
// environment.

import type { AnyEventContract, AnyProcedureContract } from "@throughline/contracts";
import { type RunningService, type RunOptions, run, type Service, type ServiceHealth } from "@throughline/core";
import { nats } from "@throughline/nats";
import { postgres } from "@throughline/postgres";
import { startTelemetry, type Telemetry, traceFields } from "@throughline/telemetry";
import { type Logger, pino } from "pino";
import { type Database, openDatabase } from "./database.ts";
import { createHealthApi } from "./health-api.ts";
import { type HttpServer, startHttpServer } from "./http-server.ts";

export interface LaunchOptions extends Pick<RunOptions, "beforeStop"> {
  /** Statements that make the service's own tables where they do not exist. */
  readonly tables: string;
}

export interface Launched<Published extends AnyEventContract, Called extends AnyProcedureContract> {
  readonly running: RunningService<Published, Called>;
  readonly database: Database;
}

/** Runs a service until a signal comes, or until the process that launched it is gone. */
export async function launchService<Published extends AnyEventContract, Called extends AnyProcedureContract>(
  declare: (database: Database) => Service<Published, Called>,
  { tables, beforeStop }: LaunchOptions,
): Promise<Launched<Published, Called>> {
  let logger: Logger = pino();
  let telemetry: Telemetry | undefined;
  let running: RunningService<Published, Called> | undefined;
  process.once("disconnect", () => (running === undefined ? process.exit(1) : void running.stop()));
  try {
    const probes = await answerProbes(() => running?.health());
    const database = openDatabase();
    const service = declare(database);
    telemetry = await startTelemetry({ service: service.name });
    logger = pino({ mixin: traceFields }, telemetry.logs);
    await database.prepare(service.name, tables);
    running = await run<Published, Called>(service, {
      transport: nats({ streams: { replicas: Number(process.env["NATS_REPLICAS"] ?? 1) } }),
      store: postgres({ pool: database.pool, schema: service.name }),
      logger,
      publishVersions: readVersions(process.env["PUBLISH_VERSIONS"]) as { [Type in Published["type"]]?: number },
      ...(beforeStop && { beforeStop }),
      afterStop: async () => {
        await database[Symbol.asyncDispose]();
        await telemetry?.shutdown();
        if (process.connected) {
          process.disconnect();
        }
      },
    });
    void running.stopped.then(() => probes?.close());
    return { running, database };
  } catch (error) {
    logger.fatal({ err: error }, "could not start");
    await telemetry?.shutdown();
    process.exit(1);
  }
}

/** On HEALTH_PORT, where one is set: from the first moment until the service has stopped; starting and stopping are answers too. */
async function answerProbes(health: () => ServiceHealth | undefined): Promise<HttpServer | undefined> {
  const { HEALTH_PORT: port, HOST: hostname = "127.0.0.1" } = process.env;
  return port ? await startHttpServer(createHealthApi(health), { hostname, port: Number(port) }) : undefined;
}

/** `orders.placed=1,…`: what is written in an older version while a roll-out lasts. */
function readVersions(text = ""): Readonly<Record<string, number>> {
  const entries = text.split(",").filter((entry) => entry !== "");
  return Object.fromEntries(entries.map((entry) => entry.split("=")).map(([type, version]) => [type, Number(version)]));
}
