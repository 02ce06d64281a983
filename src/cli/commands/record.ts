import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { TickView } from "../../control/shapes/record.ts";
import type { ErrorCode, OpenAgentsError } from "../../core/errors.ts";
import type { LogRow, Page } from "../../core/ports/index.ts";
import type { AgentInfo, AgentReport } from "../../core/runtime.ts";
import type { TickRecord, Verdict } from "../../core/trajectory.ts";
import { ChainChecker } from "../../core/trajectory.ts";
import type { Client } from "../../control/client.ts";
import { agentPath, toolsOf } from "../command.ts";
import { wholeNumber } from "../usage-error.ts";
import type { ServerEvent } from "../../control/events.ts";
import type { Output } from "../output.ts";
import { oneLine, payloadText, time } from "../output.ts";

const PAGE = 1000;
const RECONNECT = 1000;
/** The events of a stream that `logs` prints, or that say how far it has come. */
const FOLLOWED = "log,event,reply,tick_end";

/** Commands over an agent's record. */
export function recordCommands(program: Command): void {
  program
    .command("ticks <name>")
    .description("list the newest ticks")
    .option("--limit <number>", "how many", "20")
    .action(async (name: string, options: { limit: string }, command: Command) => {
      const limit = limitOf(options.limit);
      const { client, out } = toolsOf(command);
      const ticks = await newest(client, name, limit);
      if (out.json) out.document(ticks);
      else {
        const headings = ["N", "AT", "MS", "TRIGGER", "FROM", "OUTCOME", "ERROR"];
        out.table(headings, ticks.map(tickRow));
      }
    });

  program
    .command("logs <name>")
    .description("print what an agent logged, emitted and replied")
    .option("--follow", "go on as it happens")
    .option("--limit <number>", "how many ticks to look back", "100")
    .action(
      async (name: string, options: { limit: string; follow?: boolean }, command: Command) => {
        const limit = limitOf(options.limit);
        const tools = toolsOf(command);
        const ticks = await newest(tools.client, name, limit);
        for (const tick of ticks) for (const line of linesOf(tick)) printLine(tools.out, line);
        if (options.follow !== true) return;
        const last = ticks.at(-1)?.record.n ?? 0;
        // The agent's id, as its name may pass to another.
        const { id } = await tools.client.get<AgentInfo>(agentPath(name));
        await follow({
          id,
          after: String(last),
          // Found anew each time: after a restart it may have another address.
          connect: () => toolsOf(command).client,
          print: (line) => printLine(tools.out, line),
        });
      },
    );

  program
    .command("trajectory <name>")
    .description("print the record as it is stored, one row a line")
    .option("--verify", "check the chain of records, and the agent's files against it")
    .action(async (name: string, options: { verify?: boolean }, command: Command) => {
      const { client, out } = toolsOf(command);
      if (options.verify !== true) {
        for await (const row of rowsOf(client, name)) out.row(row);
        return;
      }
      const verdict = await verify(client, name);
      if (out.json) out.document(verdict);
      if (verdict.ok) {
        const { records, head, unrecorded } = verdict;
        if (!out.json) out.print(`intact: ${records} records, head ${head ?? "none"}`);
        if (unrecorded !== undefined) {
          out.talk(`Finished steps that no record names yet, of a tick cut short: ${unrecorded}`);
        }
        return;
      }
      if (!out.json) out.print(`broken: record ${verdict.wrong} is wrong: ${verdict.reason}`);
      process.exitCode = 1;
    });
}

/** Checks the chain here, from the rows, and has agentd check the files that it alone can see. */
async function verify(client: Client, name: string): Promise<Verdict> {
  const { id } = await client.get<AgentInfo>(agentPath(name));
  const chain = new ChainChecker(id);
  for await (const row of rowsOf(client, id)) {
    const reason = chain.add(row);
    if (reason !== undefined) {
      return { ok: false, records: chain.records, wrong: chain.records + 1, reason };
    }
  }
  const verdict = await client.get<Verdict>(agentPath(id, "/trajectory/verify"));
  if (!verdict.ok || verdict.records < chain.records) return verdict;
  // Ticks may have been added since.
  return { ...verdict, records: chain.records, head: chain.head };
}

async function* rowsOf(client: Client, ref: string): AsyncIterable<LogRow> {
  for (let after: string | undefined = "0"; after !== undefined;) {
    const path = agentPath(ref, `/trajectory?after=${after}&limit=${PAGE}`);
    const page: Page<LogRow> = await client.page<LogRow>(path);
    yield* page.items;
    after = page.cursor;
  }
}

function limitOf(text: string): number {
  return wholeNumber("--limit", text, { min: 1, max: PAGE });
}

async function newest(client: Client, name: string, limit: number): Promise<readonly TickView[]> {
  const { ticks } = await client.get<AgentReport>(agentPath(name, "/status"));
  const views: TickView[] = [];
  let after: string | undefined = String(Math.max(0, ticks - limit));
  while (after !== undefined && views.length < limit) {
    const path = agentPath(name, `/ticks?after=${after}&limit=${limit - views.length}`);
    const page: Page<TickView> = await client.page<TickView>(path);
    views.push(...page.items);
    after = page.cursor;
  }
  return views;
}

function tickRow({ record }: TickView): string[] {
  const { n, at, ms, trigger, outcome, error } = record;
  const problem = error === undefined ? "" : `${error.code}: ${error.message}`;
  return [String(n), time(at), String(ms), trigger.type, trigger.from, outcome, problem];
}

/** One line of `logs`. */
interface Line {
  readonly n: number;
  readonly at: number;
  readonly level: string;
  readonly text: string;
  readonly data?: unknown;
}

function linesOf({ record, output = {} }: TickView): Line[] {
  const { n, at } = record;
  return [
    ...(output.logs ?? []).map((line): Line => ({ n, ...line })),
    ...(output.events ?? []).map((event) => eventLine(n, at, event)),
    ...(output.replies ?? []).map((reply) => replyLine(n, at, reply)),
    ...errorLines(record),
  ];
}

function eventLine(n: number, at: number, { name, data }: { name: string; data: unknown }): Line {
  return { n, at, level: "event", text: name, data };
}

function replyLine(n: number, at: number, { to, payload }: { to: string; payload: unknown }): Line {
  return { n, at, level: "reply", text: `to ${to}: ${payloadText(payload)}` };
}

function errorLines({ n, at, ms, outcome, error }: TickRecord): Line[] {
  if (error === undefined) return [];
  return [{ n, at: at + ms, level: outcome, text: `${error.code}: ${error.message}` }];
}

function printLine(out: Output, line: Line): void {
  if (out.json) {
    out.row(line);
    return;
  }
  const data = line.data === undefined || line.data === null ? "" : ` ${JSON.stringify(line.data)}`;
  out.print(oneLine(`${time(line.at)} #${line.n} ${line.level.padEnd(5)} ${line.text}${data}`));
}

interface Follow {
  readonly id: string;
  readonly after: string;
  readonly connect: () => Client;
  readonly print: (line: Line) => void;
}

/** What an agentd answers that stops, starts, or is gone. */
const PASSING: ReadonlySet<string> = new Set<ErrorCode>([
  "UNREACHABLE",
  "BUSY",
  "CANCELLED",
  "STORE",
]);

/** Follows the stream for ever, over restarts of agentd, from the last event seen. */
async function follow({ id, connect, print, ...from }: Follow): Promise<void> {
  let { after } = from;
  let told = false;
  for (;;) {
    try {
      for await (const event of connect().stream(
        agentPath(id, `/stream?events=${FOLLOWED}`),
        after,
      )) {
        after = event.id;
        told = false;
        for (const line of streamLines(event)) print(line);
      }
    } catch (error) {
      if (!PASSING.has((error as OpenAgentsError).code)) throw error;
      if (!told) process.stderr.write(`${(error as Error).message}\nWaiting for it …\n`);
      told = true;
    }
    await sleep(RECONNECT);
  }
}

function streamLines({ event, data }: ServerEvent): Line[] {
  if (event === "tick_end") return errorLines((JSON.parse(data) as TickView).record);
  if (event === "log") return [JSON.parse(data) as Line];
  if (event === "event") {
    const value = JSON.parse(data) as { n: number; at: number; name: string; data: unknown };
    return [eventLine(value.n, value.at, value)];
  }
  if (event === "reply") {
    const value = JSON.parse(data) as { n: number; at: number; to: string; payload: unknown };
    return [replyLine(value.n, value.at, value)];
  }
  return [];
}
