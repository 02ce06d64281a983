import type { Argument, Command, Option } from "commander";

/** What the values of these options are; of others nothing is known. */
const OPTION_SOURCES: Readonly<Record<string, Source>> = {
  "--context": "contexts",
  "--agent": "agents",
  "--parent": "agents",
  "--type": "types",
  "--data": "dirs",
  "--to-data": "dirs",
  "--output": "files",
  "--file": "files",
  "--key": "files",
  "--config": "files",
  "--token-file": "files",
};

/** What the operands of these names are, unless the command says otherwise. */
const OPERAND_SOURCES: Readonly<Record<string, Source>> = {
  name: "agents",
  agent: "agents",
  // Agents are where most of them begin.
  path: "agents",
  target: "agents",
  source: "files",
  dest: "files",
  file: "files",
  dir: "dirs",
  token: "tokens",
  goal: "goals",
  trigger: "triggers",
};

/** Commands whose `name` is another one's, or a new one. */
const NAME_SOURCES: Readonly<Record<string, Source>> = {
  create: "",
  resolve: "agents",
  context: "contexts",
  tokens: "",
  secret: "",
};

/** What a value is: words, what `agentctl __complete` knows, paths, or anything. */
export type Source =
  | ""
  | "agents"
  | "contexts"
  | "types"
  | "tokens"
  | "goals"
  | "triggers"
  | "files"
  | "dirs"
  | `words:${string}`;

/**
 * What can follow in a command line, for the scripts of all shells: for each path of commands (`""` is the
 * program) lines of five fields between `|`:
 *
 * - `sub|NAME|||DESCRIPTION`: a subcommand;
 * - `opt|FLAG|TAKES|SOURCE|DESCRIPTION`: an option, which takes `none`, `one` or `maybe` one value;
 * - `arg||TAKES|SOURCE|`: the next operand, in their order; `many` for one that repeats.
 */
export type CompletionTable = ReadonlyMap<string, readonly string[]>;

/** The table of a program. */
export function completionTable(program: Command): CompletionTable {
  const table = new Map<string, readonly string[]>();
  const add = (command: Command, path: string): void => {
    const help = command.createHelp();
    const commands = help.visibleCommands(command);
    const options = [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)];
    table.set(path, [
      ...commands.map((sub) => fields("sub", sub.name(), "", "", sub.description())),
      ...options.flatMap(optionLines),
      ...command.registeredArguments.map((argument) => operandLine(argument, path)),
    ]);
    for (const sub of commands) {
      const below = path === "" ? sub.name() : `${path} ${sub.name()}`;
      if (sub.name() !== "help") add(sub, below);
      else {
        const names = commands.map((one) => one.name()).filter((name) => name !== "help");
        table.set(below, [fields("arg", "", "one", `words:${names.join(" ")}`, "")]);
      }
    }
  };
  add(program, "");
  return table;
}

function optionLines(option: Option): string[] {
  const { short, long, required, optional, description, argChoices } = option;
  const takes = required ? "one" : optional ? "maybe" : "none";
  const source = argChoices ? wordsOf(argChoices) : (OPTION_SOURCES[long ?? ""] ?? "");
  return [short, long]
    .filter((flag) => flag != null)
    .map((flag) => fields("opt", flag, takes, takes === "none" ? "" : source, description));
}

function operandLine(argument: Argument, path: string): string {
  const { argChoices, variadic } = argument;
  const [command = ""] = path.split(" ");
  const of =
    argument.name() === "name" && Object.hasOwn(NAME_SOURCES, command)
      ? NAME_SOURCES
      : OPERAND_SOURCES;
  const key = of === NAME_SOURCES ? command : argument.name();
  const source = argChoices ? wordsOf(argChoices) : (Object.hasOwn(of, key) && of[key]) || "";
  return fields("arg", "", variadic ? "many" : "one", source, "");
}

function wordsOf(words: readonly string[]): Source {
  return `words:${words.join(" ")}`;
}

function fields(...parts: readonly string[]): string {
  return parts.map((part) => part.replaceAll(/[|\n]/g, "/")).join("|");
}
