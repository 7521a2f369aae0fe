// Postgres for whoever needs one: the running server that DATABASE_URL names, or one of our own.

import { describe } from "../servers-error.ts";
import { type FoundPostgres, findInstalled, findPostgres, versionOf } from "./find-postgres.ts";
import { type PostgresOptions, startPostgres } from "./postgres-server.ts";

export interface ProvidedPostgres extends AsyncDisposable {
  /** The address of a database for this name. With `DATABASE_URL` it is always that one. */
  database(name: string): Promise<string>;
  /** `DATABASE_URL` for a running server, which is left alone; otherwise how the started one was found. */
  readonly source: string;
}

/** `DATABASE_URL` skips finding, starting and ending a server. @throws ServersError SERVERS_NOT_FOUND, SERVERS_START_FAILED */
export async function providePostgres(
  options: PostgresOptions & { readonly env?: NodeJS.ProcessEnv } = {},
): Promise<ProvidedPostgres> {
  const url = (options.env ?? process.env)["DATABASE_URL"];
  return url
    ? { source: "DATABASE_URL", database: async () => url, [Symbol.asyncDispose]: async () => undefined }
    : startPostgres(options);
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
