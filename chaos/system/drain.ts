// Waits until nothing is left to do: no event waits in an outbox or a stream, no order is open.

import { openDeadLetters, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { serviceNames } from "../../examples/orders/start/service-process.ts";
import { openBroker, readConsumers } from "./broker-state.ts";
import { Databases } from "./databases.ts";
import type { Stage } from "./stage.ts";

export const eventStreams = ["ORDERS", "INVENTORY", "PAYMENTS", "NOTIFICATIONS"] as const;

export interface DrainResult {
  /** Undefined where it was not quiet in time. */
  readonly drainMs: number | undefined;
  /** What was left, where something was. */
  readonly left: readonly string[];
  /** Dead letters that an operator brought back meanwhile. */
  readonly redriven: number;
}

const pollMs = 250;
/** Looks in a row: between two of them everything may be in somebody's hands. */
const quietLooks = 3;
const maxRedrives = 3;

export async function drain(
  stage: Stage,
  { timeoutMs, report }: { readonly timeoutMs: number; readonly report: (line: string) => void },
): Promise<DrainResult> {
  const startedAt = performance.now();
  await Promise.all([stage.cardProcessor, ...stage.processes].map((process) => process.whenReady()));
  await using databases = await Databases.open(stage);
  const connection = await openBroker(stage);
  let redriven = 0;
  try {
    for (let [quiet, redrives] = [0, 0]; ; ) {
      const left = await findLeft(databases, connection);
      quiet = left.length === 0 ? quiet + 1 : 0;
      const elapsedMs = performance.now() - startedAt;
      if (quiet >= quietLooks) {
        const again = redrives++ < maxRedrives ? await redriveAll(stage, report) : 0;
        if (again === 0) {
          return { drainMs: Math.round(elapsedMs), left: [], redriven };
        }
        redriven += again;
        quiet = 0;
      }
      if (elapsedMs > timeoutMs) {
        return { drainMs: undefined, left, redriven };
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  } finally {
    await connection.close();
  }
}

async function findLeft(
  databases: Databases,
  connection: Awaited<ReturnType<typeof openBroker>>,
): Promise<readonly string[]> {
  const left: string[] = [];
  for (const service of serviceNames) {
    const [row] = await databases.ask<{ n: string }>(
      service,
      `select count(*) as n from ${service}.outbox where sent_at is null and failure is null`,
    );
    if (row?.n !== "0") {
      left.push(`${row?.n} events in the outbox of ${service}`);
    }
  }
  const [open] = await databases.ask<{ n: string }>(
    "orders",
    "select count(*) as n from orders.orders where status = 'placed'",
  );
  if (open?.n !== "0") {
    left.push(`${open?.n} orders that have not ended`);
  }
  for (const stream of [...eventStreams, "REDRIVES"]) {
    for (const { durable, waiting, underWay } of await readConsumers(connection, stream).catch(() => [])) {
      if (waiting + underWay > 0) {
        left.push(`${waiting} waiting and ${underWay} under way at ${durable}`);
      }
    }
  }
  return left;
}

/** What an operator does once the storm is over. Processes that died again and again look like poison until then. */
async function redriveAll(stage: Stage, report: (line: string) => void): Promise<number> {
  await using letters = await openDeadLetters({
    transport: nats({ servers: stage.brokerUrl }),
    operator: "chaos",
    logger: silentLogger,
  });
  let redriven = 0;
  for (const { service, subscription, reason, count } of await letters.groups()) {
    report(`${count} dead letters of ${service} ${subscription}: ${reason}; redriven`);
  }
  for (const service of serviceNames) {
    const { matching } = await letters.redrive({ service }, { dryRun: true });
    if (matching > 0) {
      const result = await letters.redrive({ service }, { continueOnFailure: true, batches: [100] });
      redriven += result.redriven;
    }
  }
  return redriven;
}
