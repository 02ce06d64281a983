import type { Command } from "commander";
import type { Connection } from "../control/client.ts";
import { findOther } from "./connection.ts";

/** The options that say where another home is than the one that a command is about. */
export interface OtherHome {
  readonly to?: string;
  readonly toToken?: string;
  readonly toData?: string;
}

/** Adds the options that go with `--to`. */
export function otherHomeOptions(command: Command): Command {
  return command
    .option(
      "--to-token <token>",
      "the token there (default: found by --to-data, or OPENAGENTS_TO_TOKEN)",
    )
    .option("--to-data <dir>", "the data directory of an agentd there, on this machine");
}

/** @throws UsageError, UNREACHABLE or DENIED when it is not known */
export function otherHome({ to, toToken, toData }: OtherHome): Connection {
  return findOther({ url: to, token: toToken, data: toData });
}
