import { join } from "node:path";
import { sqlite } from "../../src/stores/sqlite.ts";
import type { Bench, Figures } from "../bench.ts";
import { startAgentd } from "../children.ts";
import { httpClient } from "../http-client.ts";
import { fillStore, nameOf, startRuntime, tell } from "../in-process.ts";
import { flight, median, round, tails } from "../measure.ts";

/**
 * Ms from a message to an agent with nothing in memory until its tick is durable. The store is
 * opened anew, so that neither the runtime nor the store nor SQLite's page cache knows any agent;
 * each is then woken once, one after the other.
 */
export async function wake(bench: Bench): Promise<Figures> {
  const count = bench.sizes.wake;
  const path = join(bench.directory(), "wake.db");
  await fillStore(sqlite(path), { type: "sleeper", count });
  const runtime = await startRuntime(sqlite(path));
  const took = await flight({ count, inFlight: 1 }, (i) => tell(runtime, nameOf(i)));
  await runtime.stop();
  return inMs(took);
}

/** Ms from the wish for an agent, keys included, until its first tick is durable. */
export async function create(bench: Bench): Promise<Figures> {
  const count = bench.sizes.create;
  const runtime = await startRuntime(sqlite(join(bench.directory(), "create.db")));
  const ticked = new Map<string, () => void>();
  runtime.watch(undefined, ({ agent }) => ticked.get(agent.name)?.());
  const took = await flight({ count, inFlight: 1 }, async (i) => {
    const name = nameOf(i);
    const first = new Promise<void>((resolve) => ticked.set(name, resolve));
    await runtime.create({ name, type: "counter" });
    await first;
  });
  await runtime.stop();
  return inMs(took);
}

/** Ms from the start of the daemon's process until its first tick, asked for over HTTP, is durable. */
export async function processCold(bench: Bench): Promise<Figures> {
  const data = bench.directory();
  const took: number[] = [];
  for (let i = 0; i <= bench.sizes.starts; i += 1) {
    const agentd = await startAgentd(data);
    const post = httpClient(agentd, 1);
    // The first start makes the data directory and the agent, and is not counted.
    if (i === 0) await post("/agents", { name: nameOf(0), type: "counter" });
    await post(`/agents/${nameOf(0)}/send?wait=60s`, { text: "tick" });
    if (i > 0) took.push(performance.now() - agentd.spawnedAt);
    await agentd.stop();
  }
  return { ...inMs(took), value: round(median(took)) };
}

function inMs(took: readonly number[]): Figures {
  const { p50, p99 } = tails(took);
  return { value: p50, unit: "ms", p50, p99 };
}
