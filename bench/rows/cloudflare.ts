import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startWorkerd } from "../../scripts/workerd.ts";
import type { Workerd } from "../../scripts/workerd.ts";
import type { Bench, Figures } from "../bench.ts";
import { watchOneMessage } from "../floor.ts";
import { httpClient } from "../http-client.ts";
import type { Post } from "../http-client.ts";
import { nameOf } from "../in-process.ts";
import { flight, median, round, tails } from "../measure.ts";

/** Two Workers under workerd: ours, and a bare Durable Object that writes the same rows. */
interface Pair {
  readonly ours: Side;
  readonly floor: Side;
}

interface Side {
  readonly worker: Workerd;
  readonly post: Post;
  /** The agents' ids, by which the floor finds its objects as well. */
  readonly ids: string[];
}

/** What the floor is, for the table. */
const FLOOR = "a bare Durable Object that writes the same rows";

/** Messages a second to agents in Durable Objects, each answered once its tick is durable. */
export async function cloudflareMany(bench: Bench): Promise<Figures> {
  const { agents, inFlight, cloudflare, rounds } = bench.sizes;
  const pair = await open(bench);
  await both(pair, (side) => createMany(side, agents));
  const rates = { ours: [] as number[], floor: [] as number[] };
  const took: number[] = [];
  for (let i = 0; i <= rounds; i += 1) {
    for (const who of ["floor", "ours"] as const) {
      const start = performance.now();
      const each = await flight({ count: cloudflare, inFlight }, (j) =>
        send(pair[who], j % agents),
      );
      if (i === 0) continue;
      rates[who].push((cloudflare / (performance.now() - start)) * 1000);
      if (who === "ours") took.push(...each);
    }
  }
  await close(pair);
  const [ours, floor] = [median(rates.ours), median(rates.floor)];
  return {
    value: round(ours),
    unit: "messages/s",
    ...tails(took),
    ratio: round(ours / floor),
    against: `${round(floor)}/s: ${FLOOR}`,
  };
}

/** Ms for an agent to be there, answered once it is durable; its first tick is part of it. */
export async function cloudflareCreate(bench: Bench): Promise<Figures> {
  const pair = await open(bench);
  const took = { ours: [] as number[], floor: [] as number[] };
  for (let i = 0; i < bench.sizes.create; i += 1) {
    for (const who of ["floor", "ours"] as const) {
      const [ms] = await flight({ count: 1, inFlight: 1 }, () => create(pair[who], i));
      took[who].push(ms!);
    }
  }
  await close(pair);
  return beside(took);
}

/** Ms for the first message to an agent after workerd has been killed and started again. */
export async function cloudflareWake(bench: Bench): Promise<Figures> {
  const { agents } = bench.sizes;
  const pair = await open(bench);
  await both(pair, (side) => createMany(side, agents));
  await both(pair, async ({ worker }) => {
    await worker.kill();
    await worker.start();
  });
  const took = { ours: [] as number[], floor: [] as number[] };
  for (let i = 0; i < agents; i += 1) {
    for (const who of ["floor", "ours"] as const) {
      took[who].push((await flight({ count: 1, inFlight: 1 }, () => send(pair[who], i)))[0]!);
    }
  }
  await close(pair);
  return beside(took);
}

/** KiB of RSS that workerd has for each live agent more. */
export async function cloudflareRss(bench: Bench): Promise<Figures> {
  const { live } = bench.sizes;
  const pair = await open(bench);
  const grown = { ours: 0, floor: 0 };
  for (const who of ["floor", "ours"] as const) {
    const side = pair[who];
    await createMany(side, live);
    // What was made is let go of; then the first tenth is held, and then all of it.
    await side.worker.kill();
    await side.worker.start();
    for (let i = 0; i < live / 10; i += 1) await send(side, i);
    const before = rssOf(side.worker.pid);
    for (let i = live / 10; i < live; i += 1) await send(side, i);
    grown[who] = (rssOf(side.worker.pid) - before) / (live * 0.9);
  }
  await close(pair);
  return {
    value: round(grown.ours),
    unit: "KiB/agent",
    ratio: round(grown.floor / grown.ours),
    against: `${round(grown.floor)} KiB: ${FLOOR}`,
  };
}

async function open(bench: Bench): Promise<Pair> {
  const written = await bench.once("floor", () => watchOneMessage(bench));
  const side = async (file: string, env: Record<string, string>): Promise<Side> => {
    const entry = fileURLToPath(new URL(`../cloudflare/${file}`, import.meta.url));
    const worker = await startWorkerd({ entry, env });
    return { worker, post: httpClient(worker, bench.sizes.inFlight), ids: [] };
  };
  return {
    ours: await side("agents.worker.ts", {}),
    floor: await side("floor.worker.ts", { WRITTEN: JSON.stringify(written) }),
  };
}

async function both(pair: Pair, work: (side: Side) => Promise<unknown>): Promise<void> {
  for (const side of [pair.floor, pair.ours]) await work(side);
}

async function close(pair: Pair): Promise<void> {
  await both(pair, ({ worker }) => worker[Symbol.asyncDispose]());
}

async function create({ post, ids }: Side, i: number): Promise<void> {
  const said = await post("/agents", { name: nameOf(i), type: "counter" });
  ids[i] = (JSON.parse(said) as { readonly id: string }).id;
}

async function createMany(side: Side, count: number): Promise<void> {
  await flight({ count, inFlight: 8 }, (i) => create(side, i));
}

async function send({ post, ids }: Side, i: number): Promise<void> {
  const said = await post(`/agents/${ids[i]!}/send?wait=60s`, { payload: "tick" });
  if (!said.includes('"done"')) throw new Error(`A message was answered with ${said}`);
}

function beside(took: {
  readonly ours: readonly number[];
  readonly floor: readonly number[];
}): Figures {
  const [ours, floor] = [median(took.ours), median(took.floor)];
  return {
    value: round(ours),
    unit: "ms",
    ...tails(took.ours),
    ratio: round(floor / ours),
    against: `${round(floor)} ms: ${FLOOR}`,
  };
}

/** KiB. */
function rssOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}
