#!/usr/bin/env node
// The `throughline` command.

import { runCommandLine } from "./command-line.ts";

process.exitCode = await runCommandLine(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  cwd: process.cwd(),
  color: process.stdout.hasColors?.() ?? false,
  isInteractive: process.stderr.isTTY === true,
});
