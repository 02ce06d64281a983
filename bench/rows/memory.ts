import { join } from "node:path";
import { sqlite } from "../../src/stores/sqlite.ts";
import type { Bench, Figures } from "../bench.ts";
import { rssOf, startAgentd } from "../children.ts";
import { httpClient } from "../http-client.ts";
import { fillStore } from "../in-process.ts";
import { median, round, tails, time } from "../measure.ts";

/** Processes that are weighed for one figure. */
const WEIGHINGS = 3;
const STORE = "agents.db";

/** Bytes of RSS for each dormant agent: a process on a store of many beside one on a store of few. */
export async function dormantRss(bench: Bench): Promise<Figures> {
  const { few, many } = await dormantStores(bench);
  const { dormant, dormantFew } = bench.sizes;
  const idle = { ticks: 0, agents: 0 };
  const extra = await difference(
    () => rssOf(join(few, STORE), idle),
    () => rssOf(join(many, STORE), idle),
  );
  return {
    value: round(extra / (dormant - dormantFew)),
    unit: "bytes/agent",
    against: `a process on ${dormantFew} dormant agents beside one on ${dormant}`,
  };
}

/** Ms from the start of the daemon's process until it is ready, on a store of many dormant agents. */
export async function dormantStart(bench: Bench): Promise<Figures> {
  const { few, many } = await dormantStores(bench);
  const took: { readonly few: number; readonly many: number }[] = [];
  for (let i = 0; i < bench.sizes.starts; i += 1) {
    took.push({ few: await readyAfter(few), many: await readyAfter(many) });
  }
  const ofFew = median(took.map(({ few }) => few));
  const ofMany = median(took.map(({ many }) => many));
  return {
    value: round(ofMany),
    unit: "ms",
    ratio: round(ofFew / ofMany),
    against: `${round(ofFew)} ms: ${bench.sizes.dormantFew} dormant agents`,
  };
}

/** Microseconds for the look-up of who is due, when all are dormant. */
export async function dormantDue(bench: Bench): Promise<Figures> {
  const paths = await dormantStores(bench);
  const few = sqlite(join(paths.few, STORE));
  const many = sqlite(join(paths.many, STORE));
  const took = { few: [] as number[], many: [] as number[] };
  const query = { limit: 1000, mail: true };
  for (let i = 0; i < bench.sizes.lookups; i += 1) {
    took.few.push(1000 * (await time(() => few.due({ ...query, now: Date.now() }))));
    took.many.push(1000 * (await time(() => many.due({ ...query, now: Date.now() }))));
  }
  await few.close();
  await many.close();
  const { p50, p99 } = tails(took.many);
  const ofFew = median(took.few);
  return {
    value: p50,
    unit: "us",
    p50,
    p99,
    ratio: round(ofFew / median(took.many)),
    against: `${round(ofFew)} us: ${bench.sizes.dormantFew} dormant agents`,
  };
}

/**
 * Bytes of RSS for each agent that a runtime holds in memory after a tick. Two processes on the
 * same store run the same number of ticks, the one of many agents and the other of few.
 */
export async function activeRss(bench: Bench): Promise<Figures> {
  const { active, activeFew } = bench.sizes;
  const path = join(bench.directory(), STORE);
  await fillStore(sqlite(path), { type: "sleeper", count: active });
  const extra = await difference(
    () => rssOf(path, { ticks: active, agents: activeFew }),
    () => rssOf(path, { ticks: active, agents: active }),
  );
  return {
    value: round(extra / (active - activeFew)),
    unit: "bytes/agent",
    against: `a process that holds ${activeFew} agents beside one that holds ${active}`,
  };
}

/** How much more the second gives than the first: each several times, by turns. */
async function difference(
  first: () => Promise<number>,
  second: () => Promise<number>,
): Promise<number> {
  const extra: number[] = [];
  for (let i = 0; i < WEIGHINGS; i += 1) extra.push(-(await first()) + (await second()));
  return median(extra);
}

interface Stores {
  /** Data directories. */
  readonly few: string;
  readonly many: string;
}

/** Two data directories, of few and of many dormant agents, for all the rows that want them. */
function dormantStores(bench: Bench): Promise<Stores> {
  const { dormant, dormantFew } = bench.sizes;
  return bench.once("dormant", async () => ({
    few: await dormantStore(bench, dormantFew),
    many: await dormantStore(bench, dormant),
  }));
}

async function dormantStore(bench: Bench, count: number): Promise<string> {
  const data = bench.directory();
  // The daemon makes the keys and one agent, by which it later knows that they belong together.
  const agentd = await startAgentd(data);
  await httpClient(agentd, 1)("/agents", { name: "first", type: "counter" });
  await agentd.stop();
  const took = await time(() => fillStore(sqlite(join(data, STORE)), { type: "sleeper", count }));
  bench.say(`Made ${count} dormant agents in ${(took / 1000).toFixed(1)} s`);
  return data;
}

async function readyAfter(data: string): Promise<number> {
  const agentd = await startAgentd(data);
  await agentd.stop();
  return agentd.ready;
}
