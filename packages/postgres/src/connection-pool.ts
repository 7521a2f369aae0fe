// The connections that the store works with: a pool of `pg`, given or made. Only its shape is known here.

import { ThroughlineError } from "@throughline/contracts";
import type { SqlTransaction } from "@throughline/core";

/** What is used of a client of `pg`. */
export interface PooledClient extends SqlTransaction {
  /** `true` ends the connection instead of keeping it for the next. */
  release(destroy?: boolean): void;
  on(event: "notification" | "error" | "end", listener: (value?: unknown) => void): unknown;
  removeListener(event: "notification" | "error" | "end", listener: (value?: unknown) => void): unknown;
}

/** What is used of a pool of `pg`. */
export interface ConnectionPool {
  connect(): Promise<PooledClient>;
  end(): Promise<void>;
  on(event: "error", listener: (error: Error) => void): unknown;
}

const connectTimeoutMs = 5_000;

/** @throws STORE_UNAVAILABLE when `pg` is not installed */
export async function createPool(url: string, service: string, size: number): Promise<ConnectionPool> {
  let driver: typeof import("pg");
  try {
    driver = (await import("pg")).default as unknown as typeof import("pg");
  } catch (cause) {
    throw new ThroughlineError("STORE_UNAVAILABLE", "The package `pg`, which connects to Postgres, is not installed.", {
      remedy: "npm install pg, or pass a pool of your own: postgres({ pool }).",
      cause,
    });
  }
  const pool = new driver.Pool({
    connectionString: url,
    max: size,
    application_name: service,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  }) as unknown as ConnectionPool;
  pool.on("error", ignoreError);
  return pool;
}

/** A lost connection fails the statement at hand; told as an event as well, it would end the process. */
export const ignoreError = (): void => undefined;

/** A connection that is ended may still fail on its way out. */
export function giveBack(client: PooledClient, destroy: boolean): void {
  if (!destroy) {
    client.removeListener("error", ignoreError);
  }
  client.release(destroy);
}

/**
 * Lends a connection. One on which something failed is not kept: an open transaction ends with it. Nor is one that is used for
 * longer than `timeoutMs`: a network that swallows everything looks like a server that thinks.
 */
export async function withClient<Result>(
  pool: ConnectionPool,
  work: (client: PooledClient) => Promise<Result>,
  timeoutMs?: number,
): Promise<Result> {
  const client = await pool.connect();
  client.on("error", ignoreError);
  let isGivenBack = false;
  const end = (destroy: boolean) => {
    if (!isGivenBack) {
      isGivenBack = true;
      giveBack(client, destroy);
    }
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => end(true), timeoutMs);
  try {
    const result = await work(client);
    end(false);
    return result;
  } finally {
    clearTimeout(timer);
    end(true);
  }
}
