// Runs a command with NATS_URL set to a real server that lives as long as the command, and with --postgres DATABASE_URL too.
//
//   node scripts/run-with-servers.ts [--postgres] <command> [arguments]

import { spawn } from "node:child_process";
import { startNatsServer, startPostgres } from "../packages/servers/src/index.ts";

const args = process.argv.slice(2);
const withPostgres = args[0] === "--postgres";
const [command = "", ...rest] = withPostgres ? args.slice(1) : args;
await using server = await startNatsServer();
await using database = withPostgres ? await startPostgres() : undefined;
const env = {
  ...process.env,
  NATS_URL: server.url,
  ...(database && { DATABASE_URL: await database.database("example") }),
};
const child = spawn(command, rest, { stdio: "inherit", env });
process.exitCode = await new Promise<number>((resolve) => child.once("exit", (code) => resolve(code ?? 1)));
