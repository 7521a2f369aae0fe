// The commands, their options and their help.

import { createRequire } from "node:module";
import { ThroughlineError } from "@throughline/contracts";
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { completeWords, completionScript, type Shell, shells } from "./completion/completion.ts";
import { checkContracts } from "./contracts/check.ts";
import { documentContracts } from "./contracts/document.ts";
import { lockContracts } from "./contracts/lock.ts";
import { discardLetters, redriveLetters } from "./dead-letters/change.ts";
import { withFilterOptions } from "./dead-letters/filter-options.ts";
import { groupLetters, listLetters, showLetter } from "./dead-letters/look.ts";
import { type ExitCode, exitCodes } from "./exit-codes.ts";
import { explainCode } from "./explain/explain.ts";
import { showJourney } from "./journey/journey.ts";
import { natsOption } from "./nats-option.ts";
import { reconcile } from "./reconcile/reconcile.ts";
import { tailEvents } from "./tail/tail.ts";
import { paint, type Terminal } from "./terminal.ts";
import { showTopology } from "./topology/topology.ts";

const { version } = createRequire(import.meta.url)("../package.json") as { readonly version: string };

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
    return error instanceof ThroughlineError && error.code === "BUS_FILTER_INVALID"
      ? exitCodes.usage
      : exitCodes.failed;
  }
}

type Ends = (code: ExitCode) => void;

function createProgram(terminal: Terminal, ends: Ends): Command {
  const program = configured(new Command("throughline"), terminal)
    .description("Tools for services that talk through events.")
    .version(version, "-V, --version", "the version of this command")
    .showHelpAfterError()
    .addHelpText(
      "after",
      exitCodesHelp("done", "something was found, or not found", "it could not be done: nobody answers"),
    );
  addJourney(program, terminal, ends);
  addDeadLetters(program, terminal, ends);
  addTail(program, terminal, ends);
  addTopology(program, terminal, ends);
  addContracts(program, terminal, ends);
  addReconcile(program, terminal, ends);
  addExplain(program, terminal, ends);
  addCompletion(program, terminal, ends);
  for (const command of program.commands.flatMap((one) => [one, ...one.commands])) {
    configured(command, terminal);
  }
  return program;
}

function exitCodesHelp(done: string, findings: string, failed: string): string {
  return `\nExit codes: 0 ${done}, 1 ${findings}, 2 wrong usage, 3 ${failed}, 130 interrupted.`;
}

const json = ["--json", "for programs: nothing else goes to standard output", false] as const;
const modules = "modules whose exports are services and contracts (default: throughline.config.ts)";

function addJourney(program: Command, terminal: Terminal, ends: Ends): void {
  program
    .command("journey")
    .description("everything that an order, an event or a journey's id caused, and who is not done with it")
    .argument("<id>", "the key of an event, such as an order id; a correlation id; an event id")
    .addOption(natsOption())
    .option(...json)
    .option("--sequence", "in the order of time", false)
    .option("--mermaid", "as a sequence diagram", false)
    .option("--watch", "draw it again until nothing is left to do", false)
    .addOption(new Option("--jaeger <url>", "link the traces, such as http://127.0.0.1:16686").env("JAEGER_URL"))
    .option("--spans", "also each attempt and what went on inside, from --jaeger", false)
    .addHelpText("after", exitCodesHelp("shown", "nothing is stored under the id", "the broker does not answer"))
    .action(async (id: string, options) => ends(await showJourney(id, options, terminal)));
}

function addDeadLetters(program: Command, terminal: Terminal, ends: Ends): void {
  const letters = program.command("dead-letters").description("what failed for good: look, redrive, discard");
  const add = (name: string, description: string) =>
    letters
      .command(name)
      .description(description)
      .addOption(natsOption())
      .option(...json);
  withFilterOptions(add("list", "oldest first"))
    .option("--limit <count>", "at most so many", positive, 100)
    .action(async (options) => ends(await listLetters(options, terminal)));
  withFilterOptions(add("groups", "by their causes, largest first")).action(async (options) =>
    ends(await groupLetters(options, terminal)),
  );
  add("show", "one of them, with its data")
    .argument("<number>", "its number", positive)
    .action(async (sequence: number, options) => ends(await showLetter(sequence, options, terminal)));
  withFilterOptions(
    add("redrive", "bring them back to the subscription that failed; tells what it would do without --yes"),
  )
    .option("--yes", "do it", false)
    .option("--force", "also what today's contracts cannot read", false)
    .option("--continue-on-failure", "go on although some failed again", false)
    .option("--module <path...>", modules, [])
    .addHelpText("after", exitCodesHelp("all handled", "some failed again or cannot be read", "it could not be done"))
    .action(async (options) => ends(await redriveLetters(options, terminal)));
  withFilterOptions(add("discard", "delete them for good; tells what it would do without --yes"))
    .option("--yes", "do it", false)
    .requiredOption("--because <text>", "why, for the audit")
    .action(async (options) => ends(await discardLetters(options, terminal)));
}

function addTail(program: Command, terminal: Terminal, ends: Ends): void {
  program
    .command("tail")
    .description("events as they are published")
    .argument("[types...]", "only these: orders.placed, or all of orders")
    .addOption(natsOption())
    .option(...json)
    .option("--key <key>", "only of this key")
    .option("--service <name>", "only from this service")
    .option("--correlation <id>", "only of this journey")
    .option("--data", "also what they carry", false)
    .option("--count <count>", "end after so many", positive)
    .action(async (types: string[], options) => ends(await tailEvents(types, options, terminal)));
}

function addTopology(program: Command, terminal: Terminal, ends: Ends): void {
  program
    .command("topology")
    .description("who tells whom what; with --nats also what waits where")
    .argument("[modules...]", modules)
    .option("--nats <url>", "ask this broker how far everybody is")
    .option(...json)
    .option("--mermaid", "as a flowchart", false)
    .action(async (paths: string[], options) => ends(await showTopology(paths, options, terminal)));
}

function addContracts(program: Command, terminal: Terminal, ends: Ends): void {
  const contracts = program.command("contracts").description("check, lock and document the contracts of events");
  const lockFile = ["--lock <file>", "the lock file (default: contracts.lock.json beside the first module)"] as const;
  const help = `
Exit codes: 0 compatible and locked, 1 somebody breaks, 2 wrong usage, 3 it could not be found out,
4 nobody breaks, but the lock file or the documents are out of date.`;
  contracts
    .command("check")
    .description("tell who breaks: against the lock file, and against what streams hold")
    .argument("[modules...]", modules)
    .option(...lockFile)
    .option("--against <url>", "also read every event that the streams of this nats-server hold; changes nothing there")
    .addOption(formatOption("text", "json", "github"))
    .option("--json", "the same as --format json")
    .addHelpText("after", help)
    .action(async (paths: string[], options) => ends(await checkContracts(paths, withFormat(options), terminal)));
  contracts
    .command("lock")
    .description("write what is declared into the lock file; refuses what breaks somebody")
    .argument("[modules...]", modules)
    .option(...lockFile)
    .option("--accept-breaking", "accept what breaks: the past of these events is forgotten", false)
    .addHelpText("after", help)
    .action(async (paths: string[], options) => ends(await lockContracts(paths, options, terminal)));
  contracts
    .command("docs")
    .description("write AsyncAPI, JSON Schema and a catalogue")
    .argument("[modules...]", modules)
    .option("--out <folder>", "where they go (default: docs/events beside the first module)")
    .option("--title <title>", "title of the system", "Events")
    .option("--system-version <version>", "version of the system", "1.0.0")
    .option("--check", "write nothing; tell whether they are up to date", false)
    .addHelpText("after", help)
    .action(async (paths: string[], options) => ends(await documentContracts(paths, options, terminal)));
}

function addReconcile(program: Command, terminal: Terminal, ends: Ends): void {
  program
    .command("reconcile")
    .description("compare what a service's outbox says was sent with what the streams hold")
    .option("--database <url>", "the service's database (default: DATABASE_URL)")
    .option("--nats <url>", "the broker (default: NATS_URL)")
    .option("--schema <name>", "schema of the outbox", "throughline")
    .option("--republish", "publish again what is lost; without it nothing is changed", false)
    .addOption(formatOption("text", "json"))
    .option("--json", "the same as --format json")
    .addHelpText("after", exitCodesHelp("nothing is lost", "something is", "it could not be found out"))
    .action(async (options) => ends(await reconcile(withFormat(options), terminal)));
}

function addExplain(program: Command, terminal: Terminal, ends: Ends): void {
  program
    .command("explain")
    .description("what an error means and what to do about it")
    .argument("<code>", "such as NATS_STREAM_DRIFT")
    .option(...json)
    .action((code: string, options) => ends(explainCode(code, options, terminal)));
}

function addCompletion(program: Command, terminal: Terminal, ends: Ends): void {
  program
    .command("completion")
    .description("lines for your shell's start-up file that complete this command")
    .addArgument(new Argument("<shell>").choices(shells))
    .action((shell: Shell) => {
      terminal.out(completionScript(shell));
      ends(exitCodes.done);
    });
  program
    .command("complete", { hidden: true })
    .argument("[words...]")
    .action((words: string[]) => {
      terminal.out(
        completeWords(program, words)
          .map((word) => `${word}\n`)
          .join(""),
      );
      ends(exitCodes.done);
    });
}

function formatOption(...choices: readonly string[]): Option {
  return new Option("--format <format>", "for people or programs").choices(choices).default("text");
}

function withFormat<Options extends { readonly format: string; readonly json?: boolean }>(options: Options): Options {
  return options.json ? { ...options, format: "json" } : options;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError("A number from 1 on.");
  }
  return value;
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
