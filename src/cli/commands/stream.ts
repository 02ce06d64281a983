import type { Command } from "commander";
import type { Client } from "../../control/client.ts";
import type { ServerEvent } from "../../control/events.ts";
import type { AgentReport } from "../../core/runtime.ts";
import { agentPath, toolsOf } from "../command.ts";
import { DeltaText } from "../delta-text.ts";
import type { DeltaData } from "../delta-text.ts";
import { follow } from "../follow.ts";
import { oneLine } from "../output.ts";

interface StreamOptions {
  readonly follow?: boolean;
  readonly after?: string;
}

/** `agentctl stream`. */
export function streamCommand(program: Command): void {
  program
    .command("stream <name>")
    .description("print an agent's events as they come, one a line")
    .option("--follow", "go on after a restart of agentd, without a gap")
    .option("--after <id>", "begin behind the event of this id (default: with what comes now)")
    .action(async (name: string, options: StreamOptions, command: Command) => {
      const { client, out } = toolsOf(command);
      const { id, ticks } = await client.get<AgentReport>(agentPath(name, "/status"));
      const after = options.after ?? String(ticks);
      const path = agentPath(id, "/stream");
      const connect = (): Client => toolsOf(command).client;
      const events = options.follow ? follow({ path, after, connect }) : client.stream(path, after);
      const text = new DeltaText((piece) => out.write(piece));
      for await (const event of events) {
        if (out.json) out.row(rowOf(event));
        else if (out.terminal && event.event === "delta") writeDelta(text, event);
        else {
          text.endLine();
          out.print(oneLine(`${event.id.padEnd(6)} ${event.event.padEnd(12)} ${event.data}`));
        }
      }
    });
}

/** To a person the text as it comes is more than an event for each piece of it. */
function writeDelta(text: DeltaText, { data }: ServerEvent): void {
  const delta = JSON.parse(data) as DeltaData;
  text.add(delta, `${delta.kind} of ${oneLine(delta.key)}: `);
}

function rowOf({ id, event, data }: ServerEvent): unknown {
  try {
    return { id, event, data: JSON.parse(data) as unknown };
  } catch {
    return { id, event, data };
  }
}
