import type { Command } from "commander";
import type { Cancelled } from "../../core/operations.ts";
import type { AgentInfo } from "../../core/runtime.ts";
import { agentPath, toolsOf } from "../command.ts";
import { tellPaused } from "../paused.ts";

/** Commands that keep agents from what they do: `pause`, `resume`, `cancel`. */
export function interruptCommands(program: Command): void {
  program
    .command("pause <name>")
    .description("have nothing of an agent run until it is resumed; its mail waits")
    .action(async (name: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const agent = await client.post<AgentInfo>(agentPath(name, "/pause"));
      if (out.json) out.document(agent);
      else out.talk(`Paused ${name}: its mail waits. Have it go on with: agentctl resume ${name}`);
    });
  program
    .command("resume <name>")
    .description("have an agent go on that was paused, with what has waited")
    .action(async (name: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const agent = await client.post<AgentInfo>(agentPath(name, "/resume"));
      if (out.json) return out.document(agent);
      // It does not go on yet where nothing does.
      if (!(await tellPaused(client, out))) out.talk(`${name} goes on.`);
    });
  program
    .command("cancel <name> [trigger]")
    .description("end the tick that runs, or what waits or is parked by its envelope's id")
    .action(async (name: string, trigger: string | undefined, _: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const body = trigger === undefined ? {} : { trigger };
      const done = await client.post<Cancelled>(agentPath(name, "/cancel"), { body });
      if (out.json) return out.document(done);
      const { cancelled } = done;
      if (cancelled === undefined) {
        return out.talk(`No tick of ${name} runs. See what waits with: agentctl inbox ${name}`);
      }
      out.talk(`Cancelled ${cancelled}. It is with the dead letters:`);
      return out.talk(`to have it done after all: agentctl deadletter replay ${name} ${cancelled}`);
    });
}
