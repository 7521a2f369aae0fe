// Runs a command with NATS_URL set to a real server that lives as long as the command.
//
//   node scripts/run-with-nats.ts <command> [arguments]

import { spawn } from "node:child_process";
import { startNatsServer } from "../packages/servers/src/index.ts";

const [command = "", ...args] = process.argv.slice(2);
await using server = await startNatsServer();
const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, NATS_URL: server.url } });
process.exitCode = await new Promise<number>((resolve) => child.once("exit", (code) => resolve(code ?? 1)));
