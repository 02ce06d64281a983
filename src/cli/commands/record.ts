import type { Command } from "commander";
import type { TickView } from "../../control/shapes/record.ts";
import type { LogRow, Page } from "../../core/ports/index.ts";
import type { AgentInfo, AgentReport } from "../../core/runtime.ts";
import type { TickRecord, Verdict } from "../../core/trajectory.ts";
import { ChainChecker } from "../../core/trajectory.ts";
import type { Client } from "../../control/client.ts";
import { agentPath, toolsOf, wordOption } from "../command.ts";
import { follow } from "../follow.ts";
import type { LogFilterOptions, LogLine } from "../log-filter.ts";
import { LEVELS, logFilter } from "../log-filter.ts";
import { wholeNumber } from "../usage-error.ts";
import type { ServerEvent } from "../../control/events.ts";
import type { Output } from "../output.ts";
import { oneLine, payloadText, time } from "../output.ts";

const PAGE = 1000;
/** The events of a stream that `logs` prints, or that say how far it has come. */
const FOLLOWED = "log,event,reply,tick_end";
/** How many ticks `logs` shows when nothing says where to begin. */
const LOOK_BACK = 100;

interface LogOptions extends LogFilterOptions {
  readonly limit?: string;
  readonly follow?: boolean;
}

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
        out.table(
          headings,
          ticks.map((tick) => tickRow(out, tick)),
        );
      }
    });

  program
    .command("logs <name>")
    .description("print what an agent logged, emitted and replied")
    .option("--follow", "go on as it happens, also after a restart of agentd")
    .option("--limit <number>", "how many ticks to look back (default: 100; with --since all)")
    .option("--since <time>", "from then on: how long ago, as 10m, or a time of ISO 8601")
    .addOption(wordOption("--level <level>", "only this level and above, or only these", LEVELS))
    .option("--grep <text>", "only what has this text in it, in capitals or not")
    .action(async (name: string, options: LogOptions, command: Command) => {
      const filter = logFilter(options);
      const limit = options.limit === undefined ? undefined : limitOf(options.limit);
      const { client, out } = toolsOf(command);
      // The agent's id, as its name may pass to another.
      const { id, ticks } = await client.get<AgentReport>(agentPath(name, "/status"));
      const print = (lines: readonly LogLine[]): void => {
        for (const line of lines) if (filter.wants(line)) printLine(out, line);
      };
      let after = Math.max(0, ticks - (limit ?? (filter.since === undefined ? LOOK_BACK : ticks)));
      if (filter.since !== undefined) {
        after = Math.max(after, await lastBefore(client, { id, ticks, time: filter.since }));
      }
      for await (const tick of ticksAfter(client, id, after)) {
        print(linesOf(tick));
        after = tick.record.n;
      }
      if (options.follow !== true) return;
      const path = agentPath(id, `/stream?events=${FOLLOWED}`);
      const connect = (): Client => toolsOf(command).client;
      for await (const event of follow({ path, after: String(after), connect })) {
        print(streamLines(event));
      }
    });

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

async function* ticksAfter(client: Client, id: string, n: number): AsyncIterable<TickView> {
  for (let after: string | undefined = String(n); after !== undefined;) {
    const path = agentPath(id, `/ticks?after=${after}&limit=${PAGE}`);
    const page: Page<TickView> = await client.page<TickView>(path);
    yield* page.items;
    after = page.cursor;
  }
}

/** The number of a tick with none after it that ended before `time`; 0 when there is none before. */
async function lastBefore(
  client: Client,
  { id, ticks, time }: { readonly id: string; readonly ticks: number; readonly time: number },
): Promise<number> {
  let [low, high] = [0, ticks];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const path = agentPath(id, `/ticks?after=${middle}&limit=1`);
    const [next] = (await client.page<TickView>(path)).items;
    if (next !== undefined && next.record.at + next.record.ms < time) low = middle + 1;
    else high = middle;
  }
  return low;
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

function tickRow(out: Output, { record }: TickView): string[] {
  const { n, at, ms, trigger, outcome, error } = record;
  const problem = error === undefined ? "" : `${error.code}: ${error.message}`;
  return [String(n), out.time(at), String(ms), trigger.type, trigger.from, outcome, problem];
}

function linesOf({ record, output = {} }: TickView): LogLine[] {
  const { n, at } = record;
  return [
    ...(output.logs ?? []).map((line): LogLine => ({ n, ...line })),
    ...(output.events ?? []).map((event) => eventLine(n, at, event)),
    ...(output.replies ?? []).map((reply) => replyLine(n, at, reply)),
    ...errorLines(record),
  ];
}

function eventLine(
  n: number,
  at: number,
  { name, data }: { name: string; data: unknown },
): LogLine {
  return { n, at, level: "event", text: name, data };
}

function replyLine(
  n: number,
  at: number,
  { to, payload }: { to: string; payload: unknown },
): LogLine {
  return { n, at, level: "reply", text: `to ${to}: ${payloadText(payload)}` };
}

function errorLines({ n, at, ms, outcome, error }: TickRecord): LogLine[] {
  if (error === undefined) return [];
  return [{ n, at: at + ms, level: outcome, text: `${error.code}: ${error.message}` }];
}

function printLine(out: Output, line: LogLine): void {
  if (out.json) {
    out.row(line);
    return;
  }
  const data = line.data === undefined || line.data === null ? "" : ` ${JSON.stringify(line.data)}`;
  out.print(
    oneLine(`${time(line.at)} #${line.n} ${line.level.padEnd(5)} ${line.text}${data}`),
    line.level,
  );
}

function streamLines({ event, data }: ServerEvent): LogLine[] {
  if (event === "tick_end") return errorLines((JSON.parse(data) as TickView).record);
  if (event === "log") return [JSON.parse(data) as LogLine];
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
