import type { Command } from "commander";
import type {
  Attempt,
  DeliveryInfo,
  Webhook,
  WebhookReport,
  WebhookWithSecret,
} from "../../control/webhooks.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import { toolsOf } from "../command.ts";
import type { Output } from "../output.ts";

interface CreateOptions {
  readonly event: readonly string[];
  readonly agent?: readonly string[];
  readonly label?: readonly string[];
  readonly description?: string;
}

const path = (id: string, rest = ""): string => `/webhooks/${encodeURIComponent(id)}${rest}`;

/** `agentctl webhooks`: events of agents that go out. */
export function webhookCommands(program: Command): void {
  const webhooks = program
    .command("webhooks")
    .description("send events of agents to an address: create, list, ping, deliveries");
  webhooks
    .command("create <url>")
    .description("have events sent to an address; prints the secret they are signed with, once")
    .option("--event <types...>", 'types, like agent.tick.failed or "agent.event.*"', ["agent.*"])
    .option("--agent <names...>", "the events of these agents only")
    .option("--label <labels...>", "the events of agents with one of these labels only")
    .option("--description <text>", "what it is for")
    .action(async (url: string, options: CreateOptions, command: Command) => {
      const { client, out } = toolsOf(command);
      const body = {
        url,
        events: options.event,
        agents: options.agent,
        labels: options.label,
        description: options.description,
      };
      const made = await client.post<WebhookWithSecret>("/webhooks", { body });
      if (out.json) return out.document(made);
      out.print(`${made.id}\n${made.secret}`);
      out.talk(`The second line is the secret, which is not shown again: give it to the receiver.`);
      return out.talk(`See whether the receiver is there with: agentctl webhooks ping ${made.id}`);
    });
  webhooks
    .command("list")
    .description("list the webhooks")
    .action(async (_options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const { items } = await client.page<Webhook>("/webhooks");
      if (out.json) return out.document(items);
      if (items.length === 0) {
        return out.talk("None. Make one with: agentctl webhooks create URL --event TYPE");
      }
      const rows = items.map(({ id, active, url, events }) => [
        id,
        active ? "yes" : "no",
        url,
        events.join(" "),
      ]);
      return out.table(["ID", "ACTIVE", "URL", "EVENTS"], rows);
    });
  webhooks
    .command("info <id>")
    .description("show a webhook, and how its receiver is")
    .action(async (id: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const report = await client.get<WebhookReport>(path(id));
      if (out.json) out.document(report);
      else out.print(infoLines(out, report).join("\n"));
    });
  for (const [verb, active] of [
    ["enable", true],
    ["disable", false],
  ] as const) {
    webhooks
      .command(`${verb} <id>`)
      .description(active ? "send events again, first those that wait" : "send nothing for now")
      .action(async (id: string, _options: unknown, command: Command) => {
        const { client, out } = toolsOf(command);
        const webhook = await client.patch<Webhook>(path(id), { body: { active } });
        if (out.json) out.document(webhook);
        else out.talk(active ? `Sends to ${webhook.url} again.` : `Sends nothing any more.`);
      });
  }
  webhooks
    .command("rotate <id>")
    .description("make a new secret and print it, once; the old one signs as well for a day")
    .action(async (id: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const made = await client.post<WebhookWithSecret>(path(id, "/rotate"));
      if (out.json) out.document(made);
      else out.print(made.secret);
    });
  webhooks
    .command("ping <id>")
    .description("send an event by which the receiver is tried, once")
    .action(async (id: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const attempt = await client.post<Attempt>(path(id, "/ping"));
      if (out.json) out.document(attempt);
      else if (attempt.error === undefined) {
        out.print(`It answered ${attempt.status} in ${attempt.ms} ms`);
      }
      if (attempt.error === undefined) return;
      throw new OpenAgentsError("UNREACHABLE", `Cannot reach the receiver: ${attempt.error}`);
    });
  deliveryCommands(webhooks);
  webhooks
    .command("delete <id>")
    .description("remove a webhook with all that waits for it")
    .action(async (id: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      await client.delete(path(id));
      if (out.json) out.document({ id, done: "delete" });
      else out.talk(`Removed ${id}.`);
    });
}

function deliveryCommands(webhooks: Command): void {
  webhooks
    .command("deliveries <id>")
    .description("list what was sent and what waits, the newest first")
    .option("--limit <n>", "how many", "20")
    .action(async (id: string, { limit }: { limit: string }, command: Command) => {
      const { client, out } = toolsOf(command);
      const query = `/deliveries?limit=${encodeURIComponent(limit)}`;
      const { items } = await client.page<DeliveryInfo>(path(id, query));
      if (out.json) return out.document(items);
      if (items.length === 0) return out.talk("None.");
      const rows = items.map(({ id: delivery, event, state, tries, notedAt, dueAt }) => {
        const last = tries.at(-1);
        return [
          delivery,
          out.time(notedAt),
          event.type.replace(/^dev\.openagents\./, ""),
          event.subject ?? "",
          dueAt === undefined ? state : `again ${out.time(dueAt)}`,
          String(tries.length),
          last === undefined ? "" : (last.error ?? `${last.status} in ${last.ms} ms`),
        ];
      });
      return out.table(["ID", "AT", "TYPE", "AGENT", "STATE", "TRIES", "LAST"], rows);
    });
  webhooks
    .command("redeliver <id> <delivery>")
    .description("send an event again that was delivered or given up")
    .action(async (id: string, delivery: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const rest = `/deliveries/${encodeURIComponent(delivery)}/redeliver`;
      const again = await client.post<{ readonly id: string }>(path(id, rest));
      if (out.json) out.document(again);
      else out.print(again.id);
    });
}

function infoLines(out: Output, report: WebhookReport): readonly string[] {
  const { failingSince, failures, until } = report;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["id", report.id],
    ["url", report.url],
    ["events", report.events.join(" ")],
    ["agents", report.agents?.join(" ")],
    ["labels", report.labels?.join(" ")],
    ["description", report.description],
    ["active", report.active ? "yes" : `no: ${report.disabled ?? "it was disabled by hand"}`],
    ["created", out.time(report.createdAt)],
    ["failing since", failingSince === undefined ? undefined : out.time(failingSince)],
    ["failures", failures ? String(failures) : undefined],
    ["next try", until ? out.time(until) : undefined],
  ];
  return facts.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name.padEnd(14)}${value}`],
  );
}
