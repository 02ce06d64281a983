import { statSync } from "node:fs";
import { join } from "node:path";
import { sqlite } from "../../src/stores/sqlite.ts";
import type { Bench, Figures } from "../bench.ts";
import { openFloor } from "../floor.ts";
import { createAgents, startRuntime, tell } from "../in-process.ts";
import { flight, median, round, tails } from "../measure.ts";

/** Durable ticks a second: many agents, many messages under way, in this process. */
export async function tickMany(bench: Bench): Promise<Figures> {
  const { agents, inFlight, many } = bench.sizes;
  const { took, ours, floor, ratio } = await race(bench, { agents, inFlight, count: many });
  return {
    value: round((many / ours) * 1000),
    unit: "ticks/s",
    ...tails(took),
    ratio,
    against: `${round((many / floor) * 1000)} ticks/s: raw node:sqlite, ${inFlight} a transaction`,
  };
}

/** Ms for a durable tick of one agent that gets one message after the other. */
export async function tickOne(bench: Bench): Promise<Figures> {
  const count = bench.sizes.one;
  const { took, floor, ratio } = await race(bench, { agents: 1, inFlight: 1, count });
  const { p50, p99 } = tails(took);
  return {
    value: p50,
    unit: "ms",
    p50,
    p99,
    ratio,
    against: `${round(floor / count)} ms: raw node:sqlite, one a transaction`,
  };
}

interface Race {
  /** Ms that each message took, of ours. */
  readonly took: readonly number[];
  /** Median ms of a round. */
  readonly ours: number;
  readonly floor: number;
  readonly ratio: number;
}

/**
 * Rounds of ours and of the floor by turns, so that both get the same share of whatever else the
 * machine does; the ratio is the median of those of neighbours. Before them one round warms up.
 */
async function race(
  bench: Bench,
  work: { readonly agents: number; readonly inFlight: number; readonly count: number },
): Promise<Race> {
  const { agents, inFlight, count } = work;
  const floor = await openFloor(bench, agents);
  const path = join(bench.directory(), "ours.db");
  const runtime = await startRuntime(sqlite(path));
  const ids = await createAgents(runtime, { type: "counter", count: agents });
  const took: number[] = [];
  const rounds: { readonly ours: number; readonly floor: number }[] = [];
  for (let i = 0; i <= bench.sizes.rounds; i += 1) {
    const start = performance.now();
    const each = await flight({ count, inFlight }, (j) => tell(runtime, ids[j % agents]!));
    const ours = performance.now() - start;
    const raw = floor.write(count, inFlight);
    if (i === 0) continue;
    took.push(...each);
    rounds.push({ ours, floor: raw });
  }
  await runtime.stop();
  floor.close();
  // The proof that both wrote the same: their files are of one size.
  const [size, raw] = [path, floor.path].map((file) => statSync(file).size / 1024 ** 2);
  bench.say(`Files at the end: ${size?.toFixed(1)} MiB of ours, ${raw?.toFixed(1)} of the floor`);
  return {
    took,
    ours: median(rounds.map(({ ours }) => ours)),
    floor: median(rounds.map(({ floor }) => floor)),
    ratio: round(median(rounds.map(({ ours, floor }) => floor / ours))),
  };
}
