import { randomUUID } from "node:crypto";
import { text as readAll } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { errorInfo } from "../../core/errors.ts";
import type { Json } from "../../core/json.ts";
import type { MailRow, Page } from "../../core/ports/index.ts";
import type { Answer, Sent } from "../../core/runtime.ts";
import type { Client } from "../../control/client.ts";
import { agentPath, toolsOf } from "../command.ts";
import { durationMs, UsageError, wholeNumber } from "../usage-error.ts";
import type { Output } from "../output.ts";
import type { RuntimeStatus } from "../../control/shapes/home.ts";
import { payloadText, time } from "../output.ts";

interface SendOptions {
  readonly wait?: string | true;
  readonly id?: string;
  readonly type?: string;
  readonly priority?: string;
  readonly payload?: true;
}

const DEFAULT_WAIT = "1m";
/** Longest that one request waits; a longer wait is many of them. */
const REQUEST_WAIT = 30_000;
/** How long until an agent that moves is asked again, ms. */
const MOVING = 250;

/** Commands over an agent's inbox and dead letters. */
export function mailCommands(program: Command): void {
  program
    .command("send <name> <text>")
    .description('send a message; "-" reads it from stdin')
    .option("--wait [duration]", `wait for the reply, such as 10s or 5m (default: ${DEFAULT_WAIT})`)
    .option("--payload", "the text is JSON")
    .option("--id <id>", "id of the envelope: sent twice it has effect once")
    .option("--type <type>", "message, request, event or mention")
    .option("--priority <number>", "-100 to 99, higher is taken first")
    .action(async (name: string, text: string, options: SendOptions, command: Command) => {
      const wait = options.wait === true ? DEFAULT_WAIT : options.wait;
      const timeout = wait === undefined ? undefined : durationMs("--wait", wait);
      const priority = priorityOf(options);
      const { client, out } = toolsOf(command);
      const id = options.id ?? randomUUID();
      const body = { ...(await mailBody(text, options)), ...priority };
      const mail = { body, headers: { "idempotency-key": id } };
      if (timeout === undefined) {
        const sent = await client.post<Sent>(agentPath(name, "/send"), mail);
        if (out.json) out.document(sent);
        else out.print(sent.id);
        out.talk(receiptText(name, sent));
        return;
      }
      const answer = await ask(client, { path: agentPath(name, "/send"), mail, timeout });
      if (out.json) out.document(answer);
      else for (const reply of answer.replies) out.print(payloadText(reply));
      if (answer.outcome !== "done") process.exitCode = 1;
      explain(out, name, answer);
      if (answer.outcome === "pending") await explainLock(client, out);
    });

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

function priorityOf({ priority }: SendOptions): { readonly priority?: number } {
  if (priority === undefined) return {};
  return { priority: wholeNumber("--priority", priority, { min: -100, max: 99 }) };
}

async function mailBody(text: string, options: SendOptions): Promise<Record<string, Json>> {
  const content = text === "-" ? (await readAll(process.stdin)).replace(/\n$/, "") : text;
  const body: Record<string, Json> = {};
  if (options.payload === true) {
    try {
      body["payload"] = JSON.parse(content) as Json;
    } catch (error) {
      throw new UsageError(`Cannot read --payload: ${(error as Error).message}`);
    }
  } else body["text"] = content;
  if (options.type !== undefined) body["type"] = options.type;
  return body;
}

/** Asks until there is an answer or the time is up: the id makes the second asking harmless. */
async function ask(
  client: Client,
  input: {
    readonly path: string;
    readonly mail: { readonly body: unknown; readonly headers: Record<string, string> };
    readonly timeout: number;
  },
): Promise<Answer> {
  const end = Date.now() + input.timeout;
  for (;;) {
    const wait = Math.max(0, Math.min(REQUEST_WAIT, end - Date.now()));
    try {
      const answer = await client.post<Answer>(`${input.path}?wait=${wait}`, input.mail);
      if (answer.outcome !== "pending" || Date.now() >= end) return answer;
    } catch (error) {
      // It is on its way out, or in: in a moment it is here, or its home says where it is.
      if (errorInfo(error).code !== "BUSY" || Date.now() >= end) throw error;
      await sleep(Math.min(MOVING, Math.max(0, end - Date.now())));
    }
  }
}

function receiptText(name: string, { id, receipt }: Sent): string {
  if (receipt === "accepted") return `Sent. See what comes of it with: agentctl logs ${name}`;
  if (receipt === "duplicate") return `An envelope with the id ${id} was sent before.`;
  return `The inbox is full: the envelope is with the dead letters. See: agentctl deadletter list ${name}`;
}

function explain(out: Output, name: string, { id, outcome, error, replies }: Answer): void {
  const deadLetters = `See: agentctl deadletter list ${name}`;
  if (outcome === "failed") {
    out.talk(
      `${name} failed: ${error === undefined ? "unknown" : `${error.code}: ${error.message}`}. ${deadLetters}`,
    );
  } else if (outcome === "pending") {
    out.talk(`No answer yet; it goes on. Ask again with the same text and: --id ${id} --wait`);
  } else if (outcome === "expired")
    out.talk(`It expired before ${name} came to it. ${deadLetters}`);
  else if (outcome === "dead-lettered") out.talk(`The inbox of ${name} is full. ${deadLetters}`);
  else if (replies.length === 0) out.talk(`${name} is done and did not reply.`);
}

async function explainLock(client: Client, out: Output): Promise<void> {
  const { locked } = await client.get<RuntimeStatus>("/runtime/status");
  if (locked === true) out.talk("The keys are locked, so it may wait for: agentctl unlock");
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
      time(at),
      envelope.type,
      envelope.from,
      String(attempts),
      reason ?? "",
    ]),
  );
}
