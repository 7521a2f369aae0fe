// `npm start`: the whole system on a real broker, one order placed, its journey shown; then it stays up.
// `--once` ends after the order, `--json` prints one JSON object as the only output on standard output.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { styleText } from "node:util";
import { ThroughlineError } from "@throughline/contracts";
import { formatJourneyTree } from "@throughline/journeys";
import { followJourney, isComplete, type OrderSystem, placeOrder, startOrderSystem } from "./order-system.ts";
import { report, runStep } from "./progress.ts";
import { takeRunSlot } from "./run-slot.ts";
import { readOptions, usage } from "./start-options.ts";

const stateFolder = fileURLToPath(new URL("../../../.throughline/", import.meta.url));
const startedAt = Number(process.env["THROUGHLINE_STARTED_AT"] ?? performance.timeOrigin);
const orderTimeoutMs = 60_000;
const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

const sampleOrder = {
  customerId: "customer-1",
  items: [
    { sku: "espresso-machine", quantity: 1 },
    { sku: "coffee-beans", quantity: 2 },
    { sku: "filter-paper", quantity: 4 },
  ],
  paymentMethod: "card-visa",
};

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if ("problem" in options) {
    report(`${options.problem}\n\n${usage}`);
    return exitCodes.usage;
  }
  if (options.help) {
    process.stdout.write(`${usage}\n`);
    return exitCodes.done;
  }
  const ended = whenAskedToEnd();
  using slot = takeRunSlot(stateFolder);
  const starting = startOrderSystem({ folder: slot.folder, env: process.env, jaeger: options.jaeger });
  const started = await Promise.race([starting, ended]);
  if (started === undefined) {
    await starting.then((system) => system[Symbol.asyncDispose]()).catch(() => undefined);
    return exitCodes.interrupted;
  }
  await using system = started;
  const bootMs = Math.round(Date.now() - startedAt);
  const complete = await showOrder(system, bootMs, options.json);
  if (options.once) {
    return complete ? exitCodes.done : exitCodes.failed;
  }
  report(invitation(system));
  await ended;
  report("Stopping …");
  return exitCodes.done;
}

/** Places one order and prints its journey; false when it did not end in time. */
async function showOrder(system: OrderSystem, bootMs: number, json: boolean): Promise<boolean> {
  const orderStartedAt = performance.now();
  const { placed, journey } = await runStep("one order", async () => {
    const placed = await placeOrder(system.gatewayUrl, sampleOrder);
    return { placed, journey: await followJourney(system, placed, orderTimeoutMs) };
  });
  const orderMs = Math.round(performance.now() - orderStartedAt);
  const complete = isComplete(journey);
  if (json) {
    const natsServer = { version: system.broker.version, source: system.broker.source };
    const postgres = { version: system.databases.version, source: system.databases.source };
    const events = journey.events.map(({ id, type, version, service, causationId, time, streamSequence }) => ({
      id,
      type,
      version,
      service,
      causationId: causationId ?? null,
      time,
      streamSequence,
    }));
    const traced = system.jaeger && { traceUrl: traceUrl(system.jaeger, placed.traceId) };
    const result = { ...placed, complete, events, natsServer, postgres, ...traced, timings: { bootMs, orderMs } };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } else {
    const color = styleText("bold", "x", { stream: process.stdout }) !== "x";
    const jaegerUrl = system.jaeger?.hasWebPage ? system.jaeger.url : undefined;
    process.stdout.write(
      `\nThe journey of ${placed.orderId}\n\n${formatJourneyTree(journey, { color, ...(jaegerUrl && { jaegerUrl }) })}\n\n`,
    );
  }
  if (!complete) {
    report(
      `The order did not end within ${orderTimeoutMs / 1_000} s. The logs of the services are in ${join(system.folder, "logs")}.`,
    );
  }
  return complete;
}

/** The page of a trace; its JSON where this Jaeger has no pages. */
function traceUrl({ url, hasWebPage }: NonNullable<OrderSystem["jaeger"]>, traceId: string): string {
  return `${url}/${hasWebPage ? "trace" : "api/traces"}/${traceId}`;
}

function invitation({ gatewayUrl, cardProcessorUrl, broker, databases, jaeger, folder }: OrderSystem): string {
  const post = (order: object) =>
    `curl -s ${gatewayUrl}/orders -H 'content-type: application/json' -d '${JSON.stringify(order)}'`;
  const small = { customerId: "customer-2", items: [{ sku: "coffee-beans", quantity: 1 }], paymentMethod: "card-visa" };
  return [
    `Gateway         ${gatewayUrl}   (API: /openapi.json, health: /health/ready)`,
    `Card processor  ${cardProcessorUrl}   (what it charged: /ledger, what goes wrong: /faults)`,
    `NATS            ${broker.url}   (nats-server ${broker.version}, from ${broker.source})`,
    `Postgres        ${databases.version}, from ${databases.source}, a database for each service`,
    ...(jaeger ? [`Jaeger          ${describeJaeger(jaeger)}`] : []),
    `Logs            ${join(folder, "logs")}`,
    "",
    "Try next:",
    `  an order         ${post(small)}`,
    `  a declined card  ${post({ ...small, paymentMethod: "card-declined" })}`,
    `  sold out         ${post({ ...small, items: [{ sku: "hand-grinder", quantity: 1 }] })}`,
    `  its journey      npm run throughline -- journey <orderId> --nats ${broker.url}${jaeger ? ` --jaeger ${jaeger.url} --spans` : ""}`,
    `  how it stands    curl -s ${gatewayUrl}/orders/<orderId>`,
    `  what is there    curl -s ${gatewayUrl}/stock/coffee-beans`,
    `  an outage        curl -s -X PUT ${cardProcessorUrl}/faults -d '{"outage":"refuse"}'   (over with '{}')`,
    "",
    "Ctrl-C ends everything.",
  ].join("\n");
}

function describeJaeger({ url, source, hasWebPage }: NonNullable<OrderSystem["jaeger"]>): string {
  const missing = "its pages are in the official program only: JAEGER_BIN=<path>";
  return hasWebPage ? `${url}   (from ${source})` : `${url}/api/traces/<traceId>   (from ${source}; ${missing})`;
}

/** Settles on the first signal, or when the process that launched this one is gone. A later signal ends at once. */
function whenAskedToEnd(): Promise<undefined> {
  return new Promise((resolve) => {
    let asked = 0;
    const ask = () => {
      // Terminal and npm may both pass on one Ctrl-C.
      if (asked > 0 && performance.now() - asked > 1_000) {
        process.exit(exitCodes.interrupted);
      }
      asked ||= performance.now();
      resolve(undefined);
    };
    process.on("SIGINT", ask);
    process.on("SIGTERM", ask);
    process.on("SIGHUP", ask);
    process.once("disconnect", ask);
  });
}

process.exitCode = await main().catch((error: unknown) => {
  report(error instanceof Error ? error.message : String(error));
  if (error instanceof ThroughlineError) {
    report(`${error.code}: ${error.remedy}`);
  }
  return exitCodes.failed;
});
if (process.connected) {
  process.disconnect();
}
