import type { Command } from "commander";
import type { MailRow, Page } from "../../core/ports/index.ts";
import type { Client } from "../../control/client.ts";
import { agentPath, toolsOf } from "../command.ts";
import type { Output } from "../output.ts";

/** Commands over an agent's inbox and dead letters. */
export function mailCommands(program: Command): void {
  program
    .command("inbox <name>")
    .description("list the mail that waits")
    .action(async (name: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      mailTable(out, await mailRows(client, agentPath(name, "/inbox")));
    });

  const dead = program
    .command("deadletter")
    .description("mail that could not be dealt with: list, replay, discard");
  dead
    .command("list <name>")
    .description("list it, with the reasons")
    .action(async (name: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const rows = await mailRows(client, agentPath(name, "/deadletter"));
      mailTable(out, rows);
      if (rows.length > 0) out.talk(`Try again with: agentctl deadletter replay ${name} ID`);
    });
  for (const verb of ["replay", "discard"]) {
    dead
      .command(`${verb} <name> <id>`)
      .description(verb === "replay" ? "put one back into the inbox" : "drop one for good")
      .action(async (name: string, id: string, _options: unknown, command: Command) => {
        const { client, out } = toolsOf(command);
        await client.post(agentPath(name, `/deadletter/${encodeURIComponent(id)}/${verb}`));
        if (out.json) out.document({ id, done: verb });
        else out.talk(verb === "replay" ? `Put ${id} back into the inbox.` : `Dropped ${id}.`);
      });
  }
}

async function mailRows(client: Client, path: string): Promise<readonly MailRow[]> {
  const rows: MailRow[] = [];
  for (let after: string | undefined = "0"; after !== undefined;) {
    const page: Page<MailRow> = await client.page<MailRow>(`${path}?after=${after}&limit=1000`);
    rows.push(...page.items);
    after = page.cursor;
  }
  return rows;
}

function mailTable(out: Output, rows: readonly MailRow[]): void {
  if (out.json) {
    out.document(rows);
    return;
  }
  if (rows.length === 0) {
    out.talk("None.");
    return;
  }
  out.table(
    ["ID", "AT", "TYPE", "FROM", "ATTEMPTS", "REASON"],
    rows.map(({ envelope, at, attempts, reason }) => [
      envelope.id,
      out.time(at),
      envelope.type,
      envelope.from,
      String(attempts),
      reason ?? "",
    ]),
  );
}
