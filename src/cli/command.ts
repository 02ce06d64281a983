import { resolve } from "node:path";
import { Option } from "commander";
import type { Command } from "commander";
import type { Client, Connection } from "../control/client.ts";
import { createClient } from "../control/client.ts";
import type { Where } from "./connection.ts";
import { connectionOf, DEFAULT_DATA, findTarget, isRunning } from "./connection.ts";
import type { Output, OutputOptions } from "./output.ts";
import { createOutput } from "./output.ts";
import { UsageError } from "./usage-error.ts";

/** The options of every command. */
export interface CommonOptions extends Where, OutputOptions {}

/** What a command has to work with. */
export interface Tools {
  readonly client: Client;
  readonly out: Output;
}

/** Adds the options that every command has; they may stand before or after its name. */
export function commonOptions(program: Command): Command {
  return program
    .option("--json", "print one JSON document (one a line for streams)")
    .option("--ndjson", "print JSON, one item of a list a line")
    .option("--utc", "print times in full, also on a terminal")
    .option("--url <url>", "address of agentd (default: found by --data, or OPENAGENTS_URL)")
    .option("--token <token>", "its token (default: found by --data, or OPENAGENTS_TOKEN)")
    .option("--data <dir>", "its data directory (default: OPENAGENTS_HOME, or ./.openagents)")
    .option(
      "--context <name>",
      "the home of this name (default: OPENAGENTS_CONTEXT, or the current)",
    );
}

/** The common options that a command was given. */
export function optionsOf(command: Command): CommonOptions {
  return command.optsWithGlobals<CommonOptions>();
}

/** @throws UNREACHABLE or DENIED when there is no agentd to talk to */
export function toolsOf(command: Command): Tools {
  return { out: outputOf(command), client: createClient(homeOf(command)) };
}

let warned = false;

/**
 * The home that a command goes to; somebody at a terminal is told where it is another than the one that
 * runs in the working directory. @throws as `findConnection`
 */
export function homeOf(command: Command): Connection {
  const where = optionsOf(command);
  const target = findTarget(where);
  const connection = connectionOf(target, where);
  if (target.source === "current context" && process.stderr.isTTY && !warned) {
    warned = true;
    const here = resolve(DEFAULT_DATA);
    if (here !== target.dir && isRunning(here)) {
      const text = `To context "${target.context}"; the agentd that runs here is: --data ${DEFAULT_DATA}`;
      process.stderr.write(`${text}\n`);
    }
  }
  return connection;
}

/** Where a command prints. */
export function outputOf(command: Command): Output {
  return createOutput(optionsOf(command));
}

/**
 * An option whose value is one of a set of words, which its help and completion say. What checks the value
 * is `oneOf`, or the API.
 */
export function wordOption(flags: string, description: string, words: readonly string[]): Option {
  const option = new Option(flags, description);
  option.argChoices = [...words];
  return option;
}

/**
 * The address of an agent's part, such as `/agents/alice/status`.
 * @throws UsageError for what no agent can be called and an address would take for something else
 */
export function agentPath(ref: string, rest = ""): string {
  if (ref === "" || ref === "." || ref === "..") {
    throw new UsageError(`Cannot use "${ref}" as an agent: give its name, npub or hex key`);
  }
  return `/agents/${encodeURIComponent(ref)}${rest}`;
}
