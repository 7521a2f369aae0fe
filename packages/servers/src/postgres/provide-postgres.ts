// Postgres for whoever needs one: the running server that DATABASE_URL names, or one of our own.

import pg from "pg";
import { describe, ServersError } from "../servers-error.ts";
import { type FoundPostgres, findInstalled, findPostgres, oldestPostgresVersion, versionOf } from "./find-postgres.ts";
import { type PostgresOptions, startPostgres } from "./postgres-server.ts";

export interface ProvidedPostgres extends AsyncDisposable {
  /** The address of a database for this name. With `DATABASE_URL` it is always that one. */
  database(name: string): Promise<string>;
  /** `DATABASE_URL` for a running server, which is left alone; otherwise how the started one was found. */
  readonly source: string;
  readonly version: string;
}

const connectTimeoutMs = 10_000;

/** `DATABASE_URL` skips finding, starting and ending a server. @throws ServersError SERVERS_NOT_FOUND, SERVERS_START_FAILED */
export async function providePostgres(
  options: PostgresOptions & { readonly env?: NodeJS.ProcessEnv } = {},
): Promise<ProvidedPostgres> {
  const url = (options.env ?? process.env)["DATABASE_URL"];
  if (!url) {
    return await startPostgres(options);
  }
  const version = await askVersion(url);
  return { source: "DATABASE_URL", version, database: async () => url, [Symbol.asyncDispose]: async () => undefined };
}

/** Says what is wrong with the address before anything is built on it; never the address itself, which holds a password. */
async function askVersion(url: string): Promise<string> {
  const fail = (problem: string, cause?: unknown) =>
    new ServersError("SERVERS_START_FAILED", `The server that DATABASE_URL names ${problem}`, [], cause);
  let client: pg.Client | undefined;
  try {
    client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectTimeoutMs });
    await client.connect();
    const { rows } = await client.query<{ version: string }>("select current_setting('server_version') as version");
    const version = rows[0]?.version.split(" ", 1)[0] ?? "unknown";
    if (Number.parseInt(version, 10) < oldestPostgresVersion) {
      throw fail(`is Postgres ${version}; ${oldestPostgresVersion} is the oldest that works.`);
    }
    return version;
  } catch (error) {
    throw error instanceof ServersError ? error : fail(`does not answer: ${describe(error)}`, error);
  } finally {
    await client?.end().catch(() => undefined);
  }
}

export interface PostgresToTest {
  /** For the title of a test; says why where the server cannot be had. */
  readonly name: string;
  readonly found: FoundPostgres | undefined;
}

/** The one that npm brings, which has to be there, and the system's, which may be missing. */
export async function findPostgresToTest(): Promise<readonly [PostgresToTest, PostgresToTest]> {
  const embedded = await findPostgres({});
  try {
    const folder = findInstalled();
    const found = { folder, version: versionOf(folder), source: "system" } as const;
    return [
      { name: `Postgres ${embedded.version}`, found: embedded },
      { name: `Postgres ${found.version}`, found },
    ];
  } catch (error) {
    const missing = { name: `the system's Postgres, which cannot be had: ${describe(error)}`, found: undefined };
    return [{ name: `Postgres ${embedded.version}`, found: embedded }, missing];
  }
}
