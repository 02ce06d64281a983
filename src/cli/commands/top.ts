import { setTimeout as sleep } from "node:timers/promises";
import { styleText } from "node:util";
import type { Command } from "commander";
import type { Client } from "../../control/client.ts";
import { allAgents, STATUSES } from "../agent-list.ts";
import type { AgentFilter } from "../agent-list.ts";
import { sampleAgents, SORTS } from "../agent-samples.ts";
import type { AgentSample, Sort, Ticked } from "../agent-samples.ts";
import { toolsOf, wordOption } from "../command.ts";
import { passes } from "../follow.ts";
import { cellText, relativeTime, spanText } from "../output.ts";
import type { Output } from "../output.ts";
import { isPaused, PAUSED } from "../paused.ts";
import { openScreen } from "../screen.ts";
import { colourCell } from "../status-colour.ts";
import { tableLines } from "../table.ts";
import { fitText } from "../text-width.ts";
import { durationMs, oneOf, UsageError, wholeNumber } from "../usage-error.ts";

interface TopOptions extends AgentFilter {
  readonly interval: string;
  readonly once?: boolean;
  readonly sort: string;
  readonly limit?: string;
}

/** Most agents that are asked when the order is known only then. */
const MOST_ASKED = 500;
/** How many are shown where there is no screen to fill. */
const DEFAULT_ROWS = 100;
const SHORTEST = 100;
/** Lines of the screen that are not agents: the head, the headings, the end. */
const OTHER_LINES = 4;

const HEADINGS = [
  "NAME",
  "STATUS",
  "TICKS",
  "TICKS/S",
  "QUEUED",
  "PARKED",
  "ALARMS",
  "LAST TICK",
  "AGE",
  "ERROR",
];

/** `agentctl top`. */
export function topCommand(program: Command): void {
  program
    .command("top")
    .description("watch what agents do: a live table; q or Ctrl-C ends it")
    .option("--interval <duration>", "between two looks", "2s")
    .option("--once", "one look, as where there is no terminal")
    .addOption(wordOption("--sort <by>", "the order", SORTS).default("name"))
    .option("--limit <number>", "how many agents (default: as many as fit, or 100)")
    .option("--type <type>", "only those of a type")
    .addOption(wordOption("--status <status>", "only those of a status", STATUSES))
    .option("--label <label>", "only those with a label")
    .action(async (options: TopOptions, command: Command) => {
      const interval = durationMs("--interval", options.interval);
      if (interval < SHORTEST) {
        throw new UsageError(`Cannot use --interval "${options.interval}": 100ms is the shortest`);
      }
      const sort = oneOf("--sort", options.sort, SORTS) ?? "name";
      const limit =
        options.limit === undefined
          ? undefined
          : wholeNumber("--limit", options.limit, { min: 1, max: 10_000 });
      const { client, out } = toolsOf(command);
      // Found anew each time: after a restart agentd may have another address.
      const look = watcher(() => toolsOf(command).client, { filter: options, sort });
      if (out.json) {
        for (;;) {
          out.row(await look(limit ?? DEFAULT_ROWS));
          if (options.once === true) return;
          await sleep(interval);
        }
      }
      if (options.once === true || !process.stdout.isTTY) {
        printOnce(out, await look(limit ?? DEFAULT_ROWS));
      } else await live(look, { url: client.url, interval, sort, limit });
    });
}

/** All agents that were asked for, at one moment: some of them with figures. */
interface Look {
  readonly at: number;
  /** How many there are. */
  readonly total: number;
  /** All ticks are stopped. */
  readonly paused: boolean;
  readonly agents: readonly AgentSample[];
}

/** Looks at a home again and again; each look knows the one before. */
function watcher(
  connect: () => Client,
  { filter, sort }: { readonly filter: AgentFilter; readonly sort: Sort },
): (rows: number) => Promise<Look> {
  let before: Ticked | undefined;
  return async (rows) => {
    const client = connect();
    const [all, paused] = await Promise.all([allAgents(client, filter), isPaused(client)]);
    const there = filter.status === undefined ? all.filter(isThere) : all;
    const at = Date.now();
    const agents = await sampleAgents(client, there, { sort, rows, most: MOST_ASKED, before });
    before = { at, ticks: new Map(agents.map(({ id, ticks }) => [id, ticks])) };
    return { at, total: there.length, paused, agents };
  };
}

/** The dead are looked at by `--status terminated`. */
function isThere({ status }: { readonly status: string }): boolean {
  return status !== "terminated";
}

function printOnce(out: Output, { agents, total, paused }: Look): void {
  if (paused) out.talk(PAUSED);
  if (total === 0) {
    out.talk("No agents. Make one with: agentctl create NAME --type TYPE");
    return;
  }
  out.table(HEADINGS, agents.map(rowOf));
  if (agents.length < total) {
    out.talk(`${total - agents.length} more. See them with: --limit ${total}`);
  }
}

interface Live {
  readonly url: string;
  readonly interval: number;
  readonly sort: Sort;
  readonly limit: number | undefined;
}

/** Shows look after look on the screen, until somebody leaves. */
async function live(look: (rows: number) => Promise<Look>, options: Live): Promise<void> {
  const { url, interval, sort, limit } = options;
  let last: Look | undefined;
  let problem = "";
  const draw = (): void => {
    const { rows, columns } = screen;
    const count = last === undefined ? "looking …" : `${last.total} agents`;
    const when = last === undefined ? "" : new Date(last.at).toISOString().slice(11, 19);
    const head = `agentctl top   ${url}   ${count}   by ${sort}   ${when}`;
    const room = Math.max(0, rows - OTHER_LINES);
    const shown = last?.agents.slice(0, room) ?? [];
    const [headings = "", ...lines] = tableLines(
      HEADINGS,
      shown.map((sample) => rowOf(sample).map(cellText)),
      { columns, paint: colourCell },
    );
    const more = (last?.total ?? 0) - shown.length;
    const end = problem === "" ? (more > 0 ? `… and ${more} more` : "") : problem;
    screen.draw([
      styleText("dim", fitText(head, columns), { stream: process.stdout }),
      last?.paused === true
        ? styleText("yellow", fitText(PAUSED, columns), { stream: process.stdout })
        : "",
      styleText("bold", headings, { stream: process.stdout }),
      ...lines,
      styleText(problem === "" ? "dim" : "red", fitText(cellText(end), columns), {
        stream: process.stdout,
      }),
    ]);
  };
  const screen = openScreen(draw);
  const { left } = screen;
  try {
    draw();
    while (!left.aborted) {
      try {
        const rows = limit ?? Math.max(1, screen.rows - OTHER_LINES);
        const now = await Promise.race([look(rows), leaving(left)]);
        if (now === undefined) break;
        last = now;
        problem = "";
      } catch (error) {
        if (!passes(error)) throw error;
        problem = (error as Error).message;
      }
      draw();
      await sleep(interval, undefined, { signal: left }).catch(() => undefined);
    }
  } finally {
    screen.close();
  }
  // A look that is under way would keep the process alive.
  process.exit();
}

function leaving(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

function rowOf(sample: AgentSample): string[] {
  const { name, status, ticks, rate, queued, parked, alarms, lastTickAt, createdAt } = sample;
  return [
    name,
    status,
    String(ticks),
    rate === undefined ? "-" : rate.toFixed(1),
    String(queued),
    String(parked),
    String(alarms),
    lastTickAt === undefined ? "-" : relativeTime(lastTickAt),
    spanText(Date.now() - createdAt),
    sample.error ?? "",
  ];
}
