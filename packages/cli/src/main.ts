#!/usr/bin/env node
// The `throughline` command.

import { runCommandLine } from "./command-line.ts";
import { exitCodes } from "./exit-codes.ts";

const endTimeoutMs = 2_000;
const interruption = new AbortController();
process.on("SIGINT", () => {
  if (interruption.signal.aborted) {
    process.exit(exitCodes.interrupted);
  }
  interruption.abort();
  // Whatever does not look at the signal has nothing to clean up.
  setTimeout(() => process.exit(exitCodes.interrupted), endTimeoutMs).unref();
});
// Whoever reads our output may have seen enough, as `head` has.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? exitCodes.done : exitCodes.failed);
});

process.exitCode = await runCommandLine(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  cwd: process.cwd(),
  color: process.stdout.hasColors?.() ?? false,
  isInteractive: process.stderr.isTTY === true,
  signal: interruption.signal,
});
