// An open transaction, whichever library it is of. Told apart by shape, so that none of them has to be installed.

import { ThroughlineError } from "@throughline/contracts";
import type { SqlTransaction } from "@throughline/core";

type Rows = readonly unknown[];
type Run = (text: string, values: readonly unknown[]) => Promise<Rows>;

/** @throws STORE_TRANSACTION_INVALID */
export function transactionOf(transaction: object): SqlTransaction {
  const run = runnerOf(transaction);
  if (run === undefined) {
    const found = Object.keys(transaction).slice(0, 10).join(", ");
    throw new ThroughlineError(
      "STORE_TRANSACTION_INVALID",
      `This is no transaction that is known: an object with ${found}.`,
    );
  }
  return {
    async query<Row>(text: string, values: readonly unknown[] = []) {
      return { rows: (await run(text, values)) as readonly Row[] };
    },
  };
}

function runnerOf(transaction: object): Run | undefined {
  const { query, unsafe, executeQuery, session, _ } = transaction as Record<string, unknown>;
  // Drizzle: the driver's own client is inside of its session.
  const inner =
    (session as { client?: object } | undefined)?.client ?? (_ as { session?: { client?: object } })?.session?.client;
  if (inner !== undefined && typeof query !== "function") {
    return runnerOf(inner);
  }
  // Kysely: a query that is compiled already.
  if (typeof executeQuery === "function") {
    return async (sql, parameters) => {
      const compiled = {
        sql,
        parameters,
        query: { kind: "RawNode", sqlFragments: [sql], parameters: [] },
        queryId: {},
      };
      return ((await executeQuery.call(transaction, compiled)) as { rows: Rows }).rows;
    };
  }
  // postgres.js
  if (typeof unsafe === "function") {
    return async (text, values) => (await unsafe.call(transaction, text, values)) as Rows;
  }
  // pg and PGlite
  if (typeof query === "function") {
    return async (text, values) => ((await query.call(transaction, text, values)) as { rows: Rows }).rows;
  }
  return undefined;
}
