// What the five processes have in common: telemetry first, one line of JSON per log entry, NATS from the environment.

import type { AnyEventContract, AnyProcedureContract } from "@throughline/contracts";
import { type RunningService, type RunOptions, run, type Service } from "@throughline/core";
import { nats } from "@throughline/nats";
import { startTelemetry } from "@throughline/telemetry";
import { pino } from "pino";

/** Runs a service until a signal comes, or until the process that launched it is gone. */
export async function launchService<Published extends AnyEventContract, Called extends AnyProcedureContract>(
  service: Service<Published, Called>,
  options: Pick<RunOptions, "beforeStop"> = {},
): Promise<RunningService<Published, Called>> {
  const telemetry = await startTelemetry({ service: service.name });
  const logger = pino();
  try {
    const running = await run<Published, Called>(service, {
      transport: nats(),
      logger,
      publishVersions: readVersions(process.env["PUBLISH_VERSIONS"]) as { [Type in Published["type"]]?: number },
      ...options,
      afterStop: async () => {
        await telemetry.shutdown();
        if (process.connected) {
          process.disconnect();
        }
      },
    });
    process.once("disconnect", () => void running.stop());
    return running;
  } catch (error) {
    logger.fatal({ err: error }, "could not start");
    await telemetry.shutdown();
    process.exit(1);
  }
}

/** `orders.placed=1,…`: what is written in an older version while a roll-out lasts. */
function readVersions(text = ""): Readonly<Record<string, number>> {
  const entries = text.split(",").filter((entry) => entry !== "");
  return Object.fromEntries(entries.map((entry) => entry.split("=")).map(([type, version]) => [type, Number(version)]));
}
