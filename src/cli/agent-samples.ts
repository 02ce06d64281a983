import type { Client } from "../control/client.ts";
import { errorInfo } from "../core/errors.ts";
import type { AgentInfo, AgentReport } from "../core/runtime.ts";
import { agentPath } from "./command.ts";

/** How many agents are asked at a time. */
const AT_ONCE = 8;

/** An agent at one moment. */
export interface AgentSample {
  readonly name: string;
  readonly id: string;
  readonly type: string;
  readonly status: string;
  readonly ticks: number;
  /** Ticks a second since the sample before; absent in the first one. */
  readonly rate?: number | undefined;
  readonly queued: number;
  readonly parked: number;
  readonly alarms: number;
  /** When its last tick ended, ms since 1970. */
  readonly lastTickAt?: number | undefined;
  readonly createdAt: number;
  /** The code of its last tick's error. */
  readonly error?: string | undefined;
}

/** What `--sort` takes. */
export const SORTS = [
  "name",
  "status",
  "ticks",
  "rate",
  "queued",
  "parked",
  "alarms",
  "last",
  "age",
  "error",
] as const;
export type Sort = (typeof SORTS)[number];

/** Sorts that the list of agents tells, without asking each of them. */
const LISTED: ReadonlySet<Sort> = new Set<Sort>(["name", "status", "age"]);

type Order<T> = (a: T, b: T) => number;

const byName: Order<AgentInfo | AgentSample> = (a, b) => (a.name < b.name ? -1 : 1);
const most =
  (value: (sample: AgentSample) => number): Order<AgentSample> =>
  (a, b) =>
    value(b) - value(a);

const ORDERS: Readonly<Record<Sort, Order<AgentSample>>> = {
  name: byName,
  status: (a, b) => a.status.localeCompare(b.status),
  ticks: most(({ ticks }) => ticks),
  rate: most(({ rate = 0 }) => rate),
  queued: most(({ queued }) => queued),
  parked: most(({ parked }) => parked),
  alarms: most(({ alarms }) => alarms),
  last: most(({ lastTickAt = 0 }) => lastTickAt),
  age: (a, b) => a.createdAt - b.createdAt,
  error: most(({ error }) => (error === undefined ? 0 : 1)),
};

/** A moment's figures, by the ids of agents. */
export interface Ticked {
  readonly at: number;
  readonly ticks: ReadonlyMap<string, number>;
}

export interface Sampling {
  readonly sort: Sort;
  /** How many agents are shown. */
  readonly rows: number;
  /** How many are asked at most, when their order is known only then. */
  readonly most: number;
  /** The sample before. */
  readonly before: Ticked | undefined;
}

/**
 * The first agents in an order. Only those that are shown are asked for their status, unless the order
 * is by what the status tells: then `most` of them. One that goes meanwhile is left out.
 */
export async function sampleAgents(
  client: Client,
  agents: readonly AgentInfo[],
  { sort, rows, most, before }: Sampling,
): Promise<readonly AgentSample[]> {
  const order = ORDERS[sort];
  const listed = LISTED.has(sort);
  const first = [...agents].sort((a, b) =>
    listed ? order(unasked(a), unasked(b)) || byName(a, b) : byName(a, b),
  );
  const asked = first.slice(0, listed ? rows : Math.max(rows, most));
  const now = Date.now();
  const samples = await inTurns(asked, async (agent) => {
    try {
      return sampleOf(await client.get<AgentReport>(agentPath(agent.id, "/status")), now, before);
    } catch (error) {
      const { code } = errorInfo(error);
      if (code === "NOT_FOUND") return undefined;
      // At its new home now; it is in the list all the same.
      if (code === "MOVED") return unasked(agent);
      throw error;
    }
  });
  return samples
    .filter((sample) => sample !== undefined)
    .sort((a, b) => order(a, b) || byName(a, b))
    .slice(0, rows);
}

function unasked({ name, id, type, status, createdAt }: AgentInfo): AgentSample {
  return { name, id, type, status, createdAt, ticks: 0, queued: 0, parked: 0, alarms: 0 };
}

function sampleOf(report: AgentReport, now: number, before: Ticked | undefined): AgentSample {
  const { ticks, queued, parked, alarms, lastTick } = report;
  const earlier = before?.ticks.get(report.id);
  const seconds = before === undefined ? 0 : (now - before.at) / 1000;
  return {
    ...unasked(report),
    ticks,
    rate: earlier === undefined || seconds <= 0 ? undefined : (ticks - earlier) / seconds,
    queued,
    parked: parked.length,
    alarms: alarms.length,
    lastTickAt: lastTick && lastTick.at + lastTick.ms,
    error: lastTick?.error?.code,
  };
}

/** The results of `work` in the order of `items`, a few at a time. */
async function inTurns<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const i = next;
      next += 1;
      results[i] = await work(items[i]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
  return results;
}
