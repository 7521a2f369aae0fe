// A process of its own that owns one server: it starts and ends the server on orders from its standard input, and when
// that closes, because its owner disposed of it or died in whatever way, it ends the server and removes its folder.
// It runs apart from the owner's process group, so that a Ctrl-C in the terminal reaches the owner only.

import { type ChildProcess, spawn } from "node:child_process";
import { openSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import type { GuardianEvent, GuardianOrder } from "./guarded-process.ts";

/** A server that does not end on its signal within this long is killed. */
const graceMs = 3_000;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => undefined);
}
// The owner may be gone while something is still to be told to it.
process.stdout.on("error", () => undefined);

let server: ChildProcess | undefined;
let folderToRemove: string | undefined;
let stopSignal: NodeJS.Signals = "SIGTERM";

const tell = (event: GuardianEvent) => process.stdout.write(`${JSON.stringify(event)}\n`);

const orders = createInterface({ input: process.stdin });
orders.on("line", (line) => {
  const order = JSON.parse(line) as GuardianOrder;
  if (order.order === "own-folder") {
    folderToRemove = order.folder;
  } else if (order.order === "signal") {
    server?.kill(order.signal);
  } else {
    start(order);
  }
});
orders.on("close", endServer);

function start(order: Extract<GuardianOrder, { order: "start" }>): void {
  const { command, args, logFile, user } = order;
  stopSignal = order.stopSignal ?? "SIGTERM";
  const log = openSync(logFile, "a");
  const child = spawn(command, args, { stdio: ["ignore", log, log], ...user });
  server = child;
  child.on("spawn", () => tell({ event: "started", pid: child.pid ?? 0 }));
  child.on("error", (error) => {
    server = undefined;
    tell({ event: "failed", message: error.message });
  });
  child.on("exit", (code, signal) => {
    server = undefined;
    tell({ event: "exited", code, signal });
  });
}

function endServer(): void {
  const finish = () => {
    if (folderToRemove !== undefined) {
      rmSync(folderToRemove, { recursive: true, force: true, maxRetries: 5 });
    }
    process.exit(0);
  };
  const child = server;
  if (child === undefined) {
    finish();
    return;
  }
  child.on("exit", finish);
  child.kill(stopSignal);
  setTimeout(() => child.kill("SIGKILL"), graceMs).unref();
}
