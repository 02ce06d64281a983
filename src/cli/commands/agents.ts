import type { Command } from "commander";
import type { RuntimeStatus } from "../../control/shapes/home.ts";
import type { AgentInfo, AgentReport } from "../../core/runtime.ts";
import type { TickRecord } from "../../core/trajectory.ts";
import { allAgents, STATUSES } from "../agent-list.ts";
import type { AgentFilter } from "../agent-list.ts";
import { agentPath, toolsOf, wordOption } from "../command.ts";
import { broughtKey } from "../brought-key.ts";
import { printFields } from "../fields.ts";
import { isPaused, PAUSED, tellPaused } from "../paused.ts";

interface CreateOptions {
  readonly type: string;
  readonly key?: string;
  readonly label?: readonly string[];
}

/** Commands over agents and their lifecycle. */
export function agentCommands(program: Command): void {
  program
    .command("create <name>")
    .description("make an agent")
    .requiredOption("--type <type>", "what it is: a name that defineAgent() was given")
    .option("--key <file>", 'give it the nsec or ncryptsec in a file; "-" reads it from stdin')
    .option("--label <labels...>", "labels, to find it and others by")
    .action(async (name: string, options: CreateOptions, command: Command) => {
      const { client, out } = toolsOf(command);
      const { type, key, label: labels } = options;
      const body = { name, type, labels, ...(key !== undefined && (await broughtKey(key))) };
      const agent = await client.post<AgentInfo>("/agents", { body });
      if (out.json) out.document(agent);
      else out.print(agent.id);
      out.talk(`Created ${name}. Talk to it with: agentctl send ${name} "hello" --wait`);
    });

  program
    .command("list")
    .description("list the agents")
    .option("--type <type>", "only those of a type")
    .addOption(wordOption("--status <status>", "only those of a status", STATUSES))
    .option("--label <label>", "only those with a label")
    .option("--parent <name>", "only those that an agent made")
    .action(async (filter: AgentFilter, command: Command) => {
      const { client, out } = toolsOf(command);
      const [agents, paused] = await Promise.all([allAgents(client, filter), isPaused(client)]);
      if (out.json) out.document(agents);
      else if (agents.length > 0) {
        const rows = agents.map(({ name, type, status, id, labels }) => [
          name,
          type,
          status,
          id,
          labels.join(", "),
        ]);
        const labelled = agents.some(({ labels }) => labels.length > 0);
        out.table(["NAME", "TYPE", "STATUS", "ID", ...(labelled ? ["LABELS"] : [])], rows);
      } else if (Object.values(filter).some((value) => value !== undefined)) {
        out.talk("No such agents. See all there are with: agentctl list");
      } else out.talk("No agents. Make one with: agentctl create NAME --type TYPE");
      if (paused && !out.json) out.talk(PAUSED);
    });

  program
    .command("info [name]")
    .description("show who an agent is; without a name, the runtime")
    .action(async (name: string | undefined, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const info =
        name === undefined
          ? { url: client.url, ...(await client.get<RuntimeStatus>("/runtime/status")) }
          : await client.get<AgentInfo>(agentPath(name));
      const named = "publicKey" in info && { npub: info.id, pubkey: info.publicKey };
      printFields(out, out.json ? { ...info, ...named } : info);
      if ("paused" in info && info.paused && !out.json) out.talk(PAUSED);
    });

  program
    .command("status <name>")
    .description("show what an agent does: ticks, queue, alarms, last tick")
    .action(async (name: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const { lastTick, alarms, parked, ...report } = await client.get<AgentReport>(
        agentPath(name, "/status"),
      );
      if (out.json) return out.document({ ...report, lastTick, alarms, parked });
      printFields(out, {
        ...report,
        lastTick:
          lastTick && `${out.time(lastTick.at)} ${lastTick.trigger.type} ${lastTick.outcome}`,
        alarms: alarms.map(({ id, at }) => `${id} ${out.time(at)}`).join(", ") || "none",
        parked: parked.join(", ") || "none",
      });
      await tellPaused(client, out);
    });

  program
    .command("state <name>")
    .description("print an agent's state")
    .action(async (name: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      out.document(await client.get<unknown>(agentPath(name, "/state")));
    });

  const lifecycle = {
    tick: "run one tick now",
    wake: "bring an agent into memory; a failed or quarantined one back to life",
    hibernate: "let an agent go of its memory",
  };
  for (const [verb, description] of Object.entries(lifecycle)) {
    program
      .command(`${verb} <name>`)
      .description(description)
      .action(async (name: string, _options: unknown, command: Command) => {
        const { client, out } = toolsOf(command);
        const record = await client.post<TickRecord>(agentPath(name, `/${verb}`));
        if (out.json) out.document(record);
        else out.print(`tick ${record.n}: ${record.outcome} in ${record.ms} ms`);
        if (record.error !== undefined) {
          out.talk(`${record.error.code}: ${record.error.message}`);
          process.exitCode = 1;
        }
      });
  }

  program
    .command("delete <name>")
    .description("end an agent for good; its record stays")
    .option("--purge", "erase its record too")
    .action(async (name: string, { purge }: { purge?: boolean }, command: Command) => {
      const { client, out } = toolsOf(command);
      const { id } = await client.get<AgentInfo>(agentPath(name));
      await client.delete(agentPath(id, purge === true ? "?purge=true" : ""));
      if (out.json) out.document({ id, name, purged: purge === true });
      else out.talk(purge === true ? `Erased ${name}.` : `Ended ${name}. Its id is ${id}`);
    });
}
