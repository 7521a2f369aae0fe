// `throughline completion`: a few lines for each shell, which ask the command itself what may follow.

import { errorCodes } from "@throughline/contracts";
import type { Command } from "commander";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

const scripts: Readonly<Record<Shell, string>> = {
  bash: `_throughline() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(throughline complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _throughline throughline
`,
  zsh: `#compdef throughline
_throughline() {
  local -a found
  found=(\${(f)"$(throughline complete -- "\${(@)words[2,$CURRENT]}" 2>/dev/null)"})
  compadd -a found
}
compdef _throughline throughline
`,
  fish: `complete -c throughline -f -a '(throughline complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
};

export function completionScript(shell: Shell): string {
  return scripts[shell];
}

/** What may stand where the last of `words` is being typed. */
export function completeWords(program: Command, words: readonly string[]): readonly string[] {
  const before = words.slice(0, -1);
  const typed = words.at(-1) ?? "";
  let command = program;
  for (const word of before) {
    command = command.commands.find((one) => one.name() === word) ?? command;
  }
  const option = command.options.find(({ long, short }) => [long, short].includes(before.at(-1)));
  if (option?.argChoices !== undefined) {
    return option.argChoices.filter((choice) => choice.startsWith(typed));
  }
  const shown = command.commands.filter((one) => one.name() !== "complete").map((one) => one.name());
  const values = command.name() === "explain" ? Object.keys(errorCodes) : command.name() === "completion" ? shells : [];
  const options = command.options.flatMap(({ long }) => long ?? []);
  const all = typed.startsWith("-") ? options : [...shown, ...values];
  return (all.length === 0 ? options : all).filter((candidate) => candidate.startsWith(typed));
}
