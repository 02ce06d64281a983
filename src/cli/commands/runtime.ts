import type { Command } from "commander";
import type { RuntimeStatus } from "../../control/shapes/home.ts";
import { toolsOf } from "../command.ts";
import { printFields } from "../fields.ts";
import { printMetrics } from "../metrics-text.ts";
import { PAUSED } from "../paused.ts";

/** `agentctl runtime`: the home as a whole. */
export function runtimeCommands(program: Command): void {
  const runtime = program
    .command("runtime")
    .description("the home as a whole: status, metrics; pause stops all agents, resume");
  runtime
    .command("status")
    .description("show what the home is, and what it does now")
    .action(async (_options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const status = await client.get<RuntimeStatus>("/runtime/status");
      printFields(out, { url: client.url, ...status });
      if (status.paused && !out.json) out.talk(PAUSED);
    });
  runtime
    .command("pause")
    .description("stop all ticks of all agents, until they are resumed; mail waits")
    .action(async (_options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      await client.post("/runtime/pause");
      if (out.json) return out.document({ paused: true });
      out.talk(`Stopped ${client.url}: no tick of any agent begins.`);
      out.talk("Those that run come to their end. Mail is taken in and waits, as alarms do.");
      return out.talk("It stays so over a restart, until: agentctl runtime resume");
    });
  runtime
    .command("resume")
    .description("have all go on, with what has waited")
    .action(async (_options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      await client.post("/runtime/resume");
      if (out.json) out.document({ paused: false });
      else out.talk(`${client.url} goes on. Watch it with: agentctl top`);
    });
  runtime
    .command("metrics")
    .description("print what the home counts, as Prometheus reads it")
    .action(async (_options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      await printMetrics(client, out, "/runtime/metrics");
    });
}
