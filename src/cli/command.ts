import { UsageError } from "./usage-error.ts";
import type { Command } from "commander";
import type { Client } from "../control/client.ts";
import { createClient } from "../control/client.ts";
import type { Where } from "./connection.ts";
import { findConnection } from "./connection.ts";
import type { Output } from "./output.ts";
import { createOutput } from "./output.ts";

/** The options of every command. */
export interface CommonOptions extends Where {
  readonly json?: boolean | undefined;
}

/** What a command has to work with. */
export interface Tools {
  readonly client: Client;
  readonly out: Output;
}

/** Adds the options that every command has; they may stand before or after its name. */
export function commonOptions(program: Command): Command {
  return program
    .option("--json", "print JSON (one document a line for streams)")
    .option("--url <url>", "address of agentd (default: found by --data, or OPENAGENTS_URL)")
    .option("--token <token>", "its token (default: found by --data, or OPENAGENTS_TOKEN)")
    .option("--data <dir>", "its data directory (default: OPENAGENTS_HOME, or ./.openagents)");
}

/** The common options that a command was given. */
export function optionsOf(command: Command): CommonOptions {
  return command.optsWithGlobals<CommonOptions>();
}

/** @throws UNREACHABLE or DENIED when there is no agentd to talk to */
export function toolsOf(command: Command): Tools {
  const options = optionsOf(command);
  return { out: outputOf(command), client: createClient(findConnection(options)) };
}

/** Where a command prints. */
export function outputOf(command: Command): Output {
  return createOutput(optionsOf(command).json === true);
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
