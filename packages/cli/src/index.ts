// Public surface of @throughline/cli, for programs that run its commands themselves.

export { runCommandLine } from "./command-line.ts";
export { type ExitCode, exitCodes } from "./exit-codes.ts";
export type { Terminal } from "./terminal.ts";
