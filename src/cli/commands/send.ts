import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { errorInfo } from "../../core/errors.ts";
import type { Json } from "../../core/json.ts";
import type { AgentReport, Answer, Sent } from "../../core/runtime.ts";
import { createClient } from "../../control/client.ts";
import type { Client } from "../../control/client.ts";
import { agentPath, homeOf, toolsOf, wordOption } from "../command.ts";
import type { Tools } from "../command.ts";
import { readContent } from "../content.ts";
import { durationMs, UsageError, wholeNumber } from "../usage-error.ts";
import type { Output } from "../output.ts";
import type { RuntimeStatus } from "../../control/shapes/home.ts";
import { payloadText } from "../output.ts";
import { streamedAnswer } from "../streamed-answer.ts";

interface SendOptions {
  readonly wait?: string | true;
  readonly replyOnly?: true;
  readonly stream?: true;
  readonly id?: string;
  readonly type?: string;
  readonly priority?: string;
  readonly payload?: true;
  readonly file?: string;
  readonly header?: readonly string[];
  readonly expires?: string;
}

const DEFAULT_WAIT = "1m";
/** Longest that one request waits; a longer wait is many of them. */
const REQUEST_WAIT = 30_000;
/** How long until an agent that moves is asked again, ms. */
const MOVING = 250;

const collect = (value: string, others: readonly string[] = []): string[] => [...others, value];

/** `agentctl send`. */
export function sendCommand(program: Command): void {
  program
    .command("send <name> [text]")
    .description('send a message: a text, a file or stdin, which "-" stands for')
    .option(
      "--file <file>",
      'send what is in a file: one that ends in ".json" as JSON, else as text',
    )
    .option("--payload", "what is sent is JSON")
    .option("--wait [duration]", `wait for the reply, such as 10s or 5m (default: ${DEFAULT_WAIT})`)
    .option("-q, --reply-only", "wait for the reply, and print it alone")
    .option("--stream", "wait for the reply, and print it as it is written")
    .option("--id <id>", "id of the envelope: sent twice it has effect once")
    .addOption(
      wordOption("--type <type>", "what it is to the agent (default: message)", [
        "message",
        "request",
        "event",
        "mention",
      ]),
    )
    .option("--priority <number>", "-100 to 99, higher is taken first")
    .option("--header <key=value>", "a header of the envelope; repeatable", collect)
    .option("--expires <duration>", "do nothing about it when it is not taken by then")
    .action(send);
}

async function send(
  name: string,
  text: string | undefined,
  options: SendOptions,
  command: Command,
): Promise<void> {
  const alone = options.replyOnly === true;
  const waits = alone || options.stream === true;
  const wait = options.wait === true || (waits && !options.wait) ? DEFAULT_WAIT : options.wait;
  const timeout = wait === undefined ? undefined : durationMs("--wait", wait);
  const extras = { ...priorityOf(options), ...headersOf(options), ...expiryOf(options) };
  const path = agentPath(name, "/send");
  const id = options.id ?? randomUUID();
  const body = { ...(await mailBody(text, options)), ...extras };
  const mail = { body, headers: { "idempotency-key": id } };
  const { client, out } = toolsOf(command);
  if (timeout === undefined) {
    const sent = await client.post<Sent>(path, mail);
    if (out.json) out.document(sent);
    else out.print(sent.id);
    out.talk(receiptText(name, sent));
    return;
  }
  if (options.stream === true) {
    if (out.json) throw new UsageError("Cannot use --stream with JSON: use agentctl stream");
    const input = { name, path, mail, timeout };
    const { answer, printed } = await askStreamed(command, input);
    const [first, ...more] = answer.replies.map(payloadText);
    // What was printed last is the reply itself, or a text on the way to it.
    if (first !== undefined && first.trim() !== printed.trim()) out.print(first);
    for (const reply of more) out.print(reply);
    return conclude({ client, out }, name, { answer, alone });
  }
  const answer = await ask(client, { path, mail, timeout });
  if (out.json) out.document(alone ? answer.replies : answer);
  else for (const reply of answer.replies) out.print(payloadText(reply));
  await conclude({ client, out }, name, { answer, alone });
}

/** Says how it went where the replies do not. */
async function conclude(
  { client, out }: Tools,
  name: string,
  { answer, alone }: { readonly answer: Answer; readonly alone: boolean },
): Promise<void> {
  if (answer.outcome !== "done") process.exitCode = 1;
  else if (alone) return;
  explain(out, name, answer);
  if (answer.outcome === "pending") await explainLock(client, out);
}

function priorityOf({ priority }: SendOptions): { readonly priority?: number } {
  if (priority === undefined) return {};
  return { priority: wholeNumber("--priority", priority, { min: -100, max: 99 }) };
}

function headersOf({ header = [] }: SendOptions): { readonly headers?: Record<string, string> } {
  if (header.length === 0) return {};
  const headers = new Map<string, string>();
  for (const text of header) {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (key === undefined || value === undefined) {
      throw new UsageError(`Cannot use --header "${text}": it must be KEY=VALUE`);
    }
    if (headers.has(key))
      throw new UsageError(`Cannot use --header "${text}": ${key} is there twice`);
    headers.set(key, value);
  }
  return { headers: Object.fromEntries(headers) };
}

function expiryOf({ expires }: SendOptions): { readonly expiresAt?: number } {
  if (expires === undefined) return {};
  return { expiresAt: Date.now() + durationMs("--expires", expires) };
}

async function mailBody(
  text: string | undefined,
  { payload, file, type }: SendOptions,
): Promise<Record<string, Json>> {
  const content = await readContent(text, file);
  const body: Record<string, Json> = type === undefined ? {} : { type };
  if (payload !== true && !content.json) return { ...body, text: content.text };
  try {
    return { ...body, payload: JSON.parse(content.text) as Json };
  } catch (error) {
    const what = payload === true ? "--payload" : `"${file}"`;
    throw new UsageError(`Cannot read ${what}: ${(error as Error).message}`);
  }
}

/** Mail, and how long its answer may take, ms. */
interface Asked {
  readonly path: string;
  readonly mail: { readonly body: unknown; readonly headers: Record<string, string> };
  readonly timeout: number;
}

/** The same as `ask`, and prints what the agent writes until then. */
async function askStreamed(
  command: Command,
  { name, ...asked }: Asked & { readonly name: string },
): Promise<{ readonly answer: Answer; readonly printed: string }> {
  const { client, out } = toolsOf(command);
  // Known before it is sent, so that nothing it causes is missed.
  const { id: agent, ticks } = await client.get<AgentReport>(agentPath(name, "/status"));
  const { id: mail } = await client.post<Sent>(asked.path, asked.mail);
  return streamedAnswer({
    agent,
    mail,
    after: String(ticks),
    connect: (signal) => createClient(homeOf(command), { signal }),
    answer: ask(client, asked),
    write: (text) => out.write(text),
    talk: (text) => out.talk(text),
  });
}

/** Asks until there is an answer or the time is up: the id makes the second asking harmless. */
async function ask(client: Client, input: Asked): Promise<Answer> {
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
