import type { Command } from "commander";
import { agentPath, toolsOf } from "../command.ts";
import { printMetrics } from "../metrics-text.ts";

/** `agentctl metrics`. */
export function metricsCommand(program: Command): void {
  program
    .command("metrics <name>")
    .description("print what is counted of an agent, as Prometheus reads it")
    .action(async (name: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      await printMetrics(client, out, agentPath(name, "/metrics"));
    });
}
