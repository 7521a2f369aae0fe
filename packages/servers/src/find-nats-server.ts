// Finds a nats-server on any machine, or says what was tried and how to get one.

import { join } from "node:path";
import { findFirst } from "./first-found.ts";
import {
  buildWithGo,
  downloadRelease,
  executableName,
  natsServerVersion,
  releaseUrl,
  unpackDebianPackage,
} from "./nats-server-release.ts";
import { runCommand } from "./run-command.ts";
import { cacheFolder, installInto, isExecutable } from "./server-cache.ts";
import { type FailedAttempt, ServersError } from "./servers-error.ts";

/** The oldest server that the toolkit works with: Debian 12's. */
export const oldestNatsServerVersion = "2.9.10";

/** Where a server came from. */
export type NatsServerSource = "environment" | "cache" | "release" | "go" | "path" | "debian";

export interface FoundServer {
  readonly path: string;
  readonly version: string;
  readonly source: NatsServerSource;
}

export interface FindOptions {
  /** Told before anything that may take over a second. */
  readonly onProgress?: (step: string) => void;
  readonly env?: NodeJS.ProcessEnv;
}

type Finder = (context: {
  readonly env: NodeJS.ProcessEnv;
  readonly onProgress: (step: string) => void;
}) => Promise<FoundServer>;

/**
 * The first of: the binary named by `NATS_SERVER`; the cached one; the pinned release, downloaded; the pinned version,
 * built with Go; one on PATH; Debian's package, unpacked. A `NATS_SERVER` that does not work is an error at once.
 * @throws ServersError SERVERS_NOT_FOUND
 */
export async function findNatsServer({
  env = process.env,
  onProgress = () => undefined,
}: FindOptions = {}): Promise<FoundServer> {
  const finders = env["NATS_SERVER"] ? [["NATS_SERVER", named] as const] : defaultFinders;
  return await findFirst(
    finders.map(([source, find]) => [source, () => find({ env, onProgress })] as const),
    notFound,
  );
}

const defaultFinders: readonly (readonly [string, Finder])[] = [
  ["cache", cached],
  [`release ${natsServerVersion}`, released],
  [`go install v${natsServerVersion}`, built],
  ["PATH", onPath],
  ["Debian package", fromDebian],
];

/** Debian's own version, the floor, as a second server for tests. @throws ServersError SERVERS_NOT_FOUND */
export async function findDebianNatsServer({
  env = process.env,
  onProgress = () => undefined,
}: FindOptions = {}): Promise<FoundServer> {
  return await findFirst([["Debian package", () => fromDebian({ env, onProgress })]], notFound);
}

function notFound(attempts: readonly FailedAttempt[]): ServersError {
  const tried = attempts.map(({ source, reason }) => `  - ${source}: ${reason}`).join("\n");
  return new ServersError(
    "SERVERS_NOT_FOUND",
    `No nats-server could be had. Tried:\n${tried}\nFix: install one (https://docs.nats.io/running-a-nats-service/introduction/installation) ` +
      "and set NATS_SERVER=/path/to/nats-server, or set NATS_URL to a running one.",
    attempts,
  );
}

async function named({ env }: Parameters<Finder>[0]): Promise<FoundServer> {
  return checked(env["NATS_SERVER"] ?? "", "environment");
}

function cachedFolder(env: NodeJS.ProcessEnv, name: string): string {
  return join(cacheFolder(env), `nats-server-${name}`);
}

async function cached({ env }: Parameters<Finder>[0]): Promise<FoundServer> {
  const path = join(cachedFolder(env, natsServerVersion), executableName);
  if (!(await isExecutable(path))) {
    throw new Error(`${path} does not exist`);
  }
  return checked(path, "cache");
}

async function released({ env, onProgress }: Parameters<Finder>[0]): Promise<FoundServer> {
  onProgress(`downloading nats-server ${natsServerVersion}`);
  const folder = cachedFolder(env, natsServerVersion);
  await installInto(folder, (scratch) => downloadRelease(releaseUrl(env), scratch));
  return checked(join(folder, executableName), "release");
}

async function built({ env, onProgress }: Parameters<Finder>[0]): Promise<FoundServer> {
  await runCommand("go", ["version"], { timeoutMs: 10_000, env });
  onProgress(`building nats-server ${natsServerVersion} with Go (about half a minute, once)`);
  const folder = cachedFolder(env, natsServerVersion);
  await installInto(folder, (scratch) => buildWithGo(env, scratch));
  return checked(join(folder, executableName), "go");
}

async function onPath({ env }: Parameters<Finder>[0]): Promise<FoundServer> {
  return checked("nats-server", "path", env);
}

async function fromDebian({ env, onProgress }: Parameters<Finder>[0]): Promise<FoundServer> {
  const folder = cachedFolder(env, "debian");
  const path = join(folder, executableName);
  if (!(await isExecutable(path))) {
    onProgress("unpacking Debian's nats-server package");
    await installInto(folder, (scratch) => unpackDebianPackage(env, scratch));
  }
  return checked(path, "debian");
}

/** Runs `--version`, so that a binary for another machine or a too old one is found out here. */
async function checked(path: string, source: NatsServerSource, env = process.env): Promise<FoundServer> {
  const output = await runCommand(path, ["--version"], { timeoutMs: 10_000, env });
  const version = /v?(\d+\.\d+\.\d+\S*)/.exec(output)?.[1];
  if (version === undefined) {
    throw new Error(`${path} --version printed "${output.trim().slice(0, 80)}", which names no version`);
  }
  if (isOlder(version, oldestNatsServerVersion)) {
    throw new Error(`${path} is ${version}; ${oldestNatsServerVersion} is the oldest that works`);
  }
  return { path, version, source };
}

function isOlder(version: string, than: string): boolean {
  const numbers = (text: string) => text.split(/[.-]/).slice(0, 3).map(Number);
  const [left, right] = [numbers(version), numbers(than)];
  const difference = left.findIndex((part, index) => part !== right[index]);
  return difference >= 0 && (left[difference] ?? 0) < (right[difference] ?? 0);
}
