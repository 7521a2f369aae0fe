// Starts a real Postgres on a free port of the loopback interface, and ends it for sure.

import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import pg from "pg";
import { findFreePorts } from "../free-ports.ts";
import { GuardedProcess } from "../guarded-process.ts";
import { runCommand } from "../run-command.ts";
import { ServersError } from "../servers-error.ts";
import { type FoundPostgres, findPostgres } from "./find-postgres.ts";
import {
  ownFolder,
  reachablePlace,
  reachablePrograms,
  type UnprivilegedUser,
  unprivilegedUser,
} from "./unprivileged-user.ts";

export interface PostgresOptions {
  /** Programs found before; found anew when left out. */
  readonly found?: FoundPostgres;
  /**
   * Where the data are kept, over restarts of this process too. Default: a temporary folder that goes away with the server.
   * Started by root from where nobody else can go, a folder below /var/tmp stands for it.
   */
  readonly dataFolder?: string;
  /** Settings of postgresql.conf, such as `{ fsync: "off" }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A server that belongs to this process: it ends with it, however that ends. */
export interface PostgresServer extends AsyncDisposable {
  /** `postgres://postgres:<password>@127.0.0.1:<port>/postgres` */
  readonly url: string;
  readonly version: string;
  readonly source: FoundPostgres["source"];
  readonly dataFolder: string;
  readonly logFile: string;
  readonly pid: number | undefined;
  /** The address of a database of this name, which is made if it does not exist. */
  database(name: string): Promise<string>;
  /** Ends the server in order; its data and its port stay for `start`. */
  stop(): Promise<void>;
  /** Ends the server by SIGKILL, as a crash does. */
  kill(): Promise<void>;
  start(): Promise<void>;
  restart(): Promise<void>;
  /** SIGSTOP and SIGCONT, for all of its processes: the server hangs, its connections stay open. */
  pause(): void;
  resume(): void;
}

const readyTimeoutMs = 30_000;
const readyPollMs = 20;
const initializeTimeoutMs = 60_000;
const startTries = 5;
const startPauseMs = 300;
/** `stop` asks clients to go: SIGINT ends their sessions, SIGTERM would wait for them. */
const stopSignal = "SIGINT";

/** @throws ServersError SERVERS_NOT_FOUND, SERVERS_START_FAILED */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const user = await unprivilegedUser();
  const anyones = options.found ?? (await findPostgres());
  const found = user === undefined ? anyones : { ...anyones, folder: await reachablePrograms(anyones.folder, user) };
  const temporary = await mkdtemp(join(tmpdir(), "throughline-postgres-"));
  const process = new GuardedProcess(temporary);
  try {
    await chmod(temporary, 0o755);
    const wanted = options.dataFolder ?? join(temporary, "data");
    const dataFolder = user === undefined ? wanted : reachablePlace(wanted, user);
    const password = await initialize(found, dataFolder, temporary, user);
    const [port = 0] = await findFreePorts(1);
    const server = createServer(found, process, {
      dataFolder,
      temporary,
      password,
      port,
      user,
      settings: options.settings,
    });
    await server.start();
    return server;
  } catch (error) {
    await process[Symbol.asyncDispose]();
    throw error;
  }
}

interface ServerParts {
  readonly dataFolder: string;
  readonly temporary: string;
  readonly password: string;
  readonly port: number;
  readonly user: UnprivilegedUser | undefined;
  readonly settings: PostgresOptions["settings"];
}

function createServer(found: FoundPostgres, process: GuardedProcess, parts: ServerParts): PostgresServer {
  const { dataFolder, temporary, password, port, user, settings = {} } = parts;
  const logFile = join(temporary, "postgres.log");
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  const all = { listen_addresses: "127.0.0.1", port: String(port), unix_socket_directories: "", ...settings };
  const args = ["-D", dataFolder, ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`])];

  const start = async () => {
    // After a crash its children may still hold the shared memory for a moment.
    for (let attempt = 1; ; attempt++) {
      try {
        await process.start({
          command: join(found.folder, "postgres"),
          args,
          logFile,
          stopSignal,
          ...(user && { user }),
        });
        await waitUntilReady(process, url);
        return;
      } catch (cause) {
        await process.end("SIGKILL");
        if (attempt === startTries) {
          const log = await readFile(logFile, "utf8").catch(() => "");
          const lastLines = log.trimEnd().split("\n").slice(-5).join("\n");
          throw new ServersError(
            "SERVERS_START_FAILED",
            `${found.folder}/postgres did not become ready:\n${lastLines}`,
            [],
            cause,
          );
        }
        await new Promise((resolve) => setTimeout(resolve, startPauseMs));
      }
    }
  };
  const stop = () => process.end(stopSignal);
  return {
    url,
    version: found.version,
    source: found.source,
    dataFolder,
    logFile,
    get pid() {
      return process.pid;
    },
    database: (name) => createDatabase(url, name),
    start,
    stop,
    kill: () => process.end("SIGKILL"),
    restart: async () => {
      await stop();
      await start();
    },
    pause: () => signalAll(process.pid, "SIGSTOP"),
    resume: () => signalAll(process.pid, "SIGCONT"),
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

/** Each connection has a process of its own, in a session of its own. The parent comes first, so that it begins no new ones. */
function signalAll(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) {
    return;
  }
  sendSignal(pid, signal);
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" });
  for (const line of stdout.split("\n")) {
    const [child, parent] = line.trim().split(/\s+/).map(Number);
    if (child !== undefined && parent === pid) {
      sendSignal(child, signal);
    }
  }
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** Resolves with the password of the data folder, which is made anew only where there is none. */
async function initialize(
  found: FoundPostgres,
  dataFolder: string,
  temporary: string,
  user: UnprivilegedUser | undefined,
): Promise<string> {
  const passwordFile = `${dataFolder}.password`;
  if (existsSync(join(dataFolder, "PG_VERSION"))) {
    if (user !== undefined && (await stat(dataFolder)).uid !== user.uid) {
      throw new Error(`${dataFolder} belongs to somebody else; remove it, or name another folder.`);
    }
    return (await readFile(passwordFile, "utf8")).trim();
  }
  const password = randomBytes(18).toString("base64url");
  // Whoever is killed while this lasts leaves nothing that looks complete.
  const unfinished = `${dataFolder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(dirname(dataFolder), { recursive: true });
  await mkdir(unfinished, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  const readable = join(temporary, "initdb.password");
  await writeFile(readable, password, { mode: 0o600 });
  if (user !== undefined) {
    await ownFolder(unfinished, user);
    await chown(readable, user.uid, user.gid);
  }
  const args = [
    "-D",
    unfinished,
    "-U",
    "postgres",
    "-A",
    "scram-sha-256",
    "--pwfile",
    readable,
    "-E",
    "UTF8",
    "--locale=C",
  ];
  await runCommand(join(found.folder, "initdb"), args, {
    timeoutMs: initializeTimeoutMs,
    cwd: temporary,
    ...(user && { user }),
  });
  await rm(readable);
  await rename(unfinished, dataFolder);
  return password;
}

async function waitUntilReady(process: GuardedProcess, url: string): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs;
  for (let failure: unknown; Date.now() < deadline; ) {
    if (process.hasExited) {
      throw new Error("it exited");
    }
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      failure = error;
      await client.end().catch(() => undefined);
    }
    if (Date.now() > deadline) {
      throw failure;
    }
    await new Promise((resolve) => setTimeout(resolve, readyPollMs));
  }
  throw new Error(`not ready within ${readyTimeoutMs} ms`);
}

const databaseName = /^[a-z][a-z0-9_]{0,62}$/;

async function createDatabase(url: string, name: string): Promise<string> {
  if (!databaseName.test(name)) {
    throw new TypeError(`"${name}" is no name for a database: lower-case letters, digits and underscores`);
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query("select 1 from pg_database where datname = $1", [name]);
    if (rowCount === 0) {
      await client.query(`create database "${name}"`).catch((error: { code?: string }) => {
        // Somebody else was quicker.
        if (error.code !== "42P04" && error.code !== "23505") {
          throw error;
        }
      });
    }
  } finally {
    await client.end();
  }
  const database = new URL(url);
  database.pathname = `/${name}`;
  return database.href;
}
