// The commands, their options and their help.

import { ThroughlineError } from "@throughline/contracts";
import { Command, CommanderError, Option } from "commander";
import { checkContracts } from "./contracts/check.ts";
import { documentContracts } from "./contracts/document.ts";
import { lockContracts } from "./contracts/lock.ts";
import { type ExitCode, exitCodes } from "./exit-codes.ts";
import { reconcile } from "./reconcile/reconcile.ts";
import { paint, type Terminal } from "./terminal.ts";

/** Runs one command; resolves with its exit code and never rejects. */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.done;
  const ends = (code: ExitCode) => {
    exitCode = code;
  };
  const program = createProgram(terminal, ends);
  try {
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    }
    reportFailure(error, terminal);
    return exitCodes.failed;
  }
}

const modules = "modules whose exports are services and contracts (default: throughline.config.ts)";
const exitCodesHelp = `
Exit codes: 0 compatible and locked, 1 somebody breaks, 2 wrong usage, 3 it could not be found out,
4 nobody breaks, but the lock file or the documents are out of date.`;

function createProgram(terminal: Terminal, ends: (code: ExitCode) => void): Command {
  const program = configured(new Command("throughline"), terminal)
    .description("Tools for services that talk through events.")
    .showHelpAfterError();
  const contracts = program.command("contracts").description("check, lock and document the contracts of events");
  const lockFile = ["--lock <file>", "the lock file (default: contracts.lock.json beside the first module)"] as const;
  contracts
    .command("check")
    .description("tell who breaks: against the lock file, and against what streams hold")
    .argument("[modules...]", modules)
    .option(...lockFile)
    .option("--against <url>", "also read every event that the streams of this nats-server hold; changes nothing there")
    .addOption(
      new Option("--format <format>", "for people, programs or GitHub")
        .choices(["text", "json", "github"])
        .default("text"),
    )
    .addHelpText("after", exitCodesHelp)
    .action(async (paths: string[], options) => ends(await checkContracts(paths, options, terminal)));
  contracts
    .command("lock")
    .description("write what is declared into the lock file; refuses what breaks somebody")
    .argument("[modules...]", modules)
    .option(...lockFile)
    .option("--accept-breaking", "accept what breaks: the past of these events is forgotten", false)
    .addHelpText("after", exitCodesHelp)
    .action(async (paths: string[], options) => ends(await lockContracts(paths, options, terminal)));
  contracts
    .command("docs")
    .description("write AsyncAPI, JSON Schema and a catalogue")
    .argument("[modules...]", modules)
    .option("--out <folder>", "where they go (default: docs/events beside the first module)")
    .option("--title <title>", "title of the system", "Events")
    .option("--system-version <version>", "version of the system", "1.0.0")
    .option("--check", "write nothing; tell whether they are up to date", false)
    .addHelpText("after", exitCodesHelp)
    .action(async (paths: string[], options) => ends(await documentContracts(paths, options, terminal)));
  const reconciling = program
    .command("reconcile")
    .description("compare what a service's outbox says was sent with what the streams hold")
    .option("--database <url>", "the service's database (default: DATABASE_URL)")
    .option("--nats <url>", "the broker (default: NATS_URL)")
    .option("--schema <name>", "schema of the outbox", "throughline")
    .option("--republish", "publish again what is lost; without it nothing is changed", false)
    .addOption(new Option("--format <format>", "for people or programs").choices(["text", "json"]).default("text"))
    .addHelpText(
      "after",
      "\nExit codes: 0 nothing is lost, 1 something is, 2 wrong usage, 3 it could not be found out.",
    )
    .action(async (options) => ends(await reconcile(options, terminal)));
  for (const command of [reconciling, contracts, ...contracts.commands]) {
    configured(command, terminal);
  }
  return program;
}

function configured(command: Command, { out, err }: Terminal): Command {
  return command
    .exitOverride()
    .configureOutput({ writeOut: (text) => void out(text), writeErr: (text) => void err(text) });
}

function reportFailure(error: unknown, terminal: Terminal): void {
  const { err } = terminal;
  if (error instanceof ThroughlineError) {
    err(`${paint(terminal, "red", error.code)}  ${error.message}\n${error.remedy}\n`);
  } else {
    err(
      `${paint(terminal, "red", "failed")}  ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
  }
}
