import { readFileSync, writeFileSync } from "node:fs";
import { moveAgent, remoteRuntime } from "../../src/control/remote-runtime.ts";
import type { RemoteRuntime } from "../../src/control/remote-runtime.ts";
import type { Bench, Figures } from "../bench.ts";
import { startAgentd } from "../children.ts";
import type { Agentd } from "../children.ts";
import { httpClient } from "../http-client.ts";
import { flight, median, round, tails } from "../measure.ts";

interface Home extends Agentd {
  readonly runtime: RemoteRuntime;
}

/**
 * Ms for an agent with so many records to move from one daemon to another and be there, over HTTP:
 * it leaves, is streamed, checked, departs and arrives. It goes there and back again and again.
 */
export async function move(bench: Bench): Promise<Figures> {
  const { records, rounds, inFlight } = bench.sizes;
  const [one, two] = await homes(bench);
  const post = httpClient(one, inFlight);
  await post("/agents", { name: "mover", type: "teller" });
  await flight({ count: records - 1, inFlight }, () =>
    post("/agents/mover/send?wait=60s", { text: "tick" }),
  );
  const took: number[] = [];
  let size = 0;
  for (let i = 0; i <= rounds; i += 1) {
    const [from, to] = i % 2 === 0 ? [one, two] : [two, one];
    const start = performance.now();
    const { bytes } = await moveAgent({ from: from.runtime, to: to.runtime }, "mover", {
      url: to.url,
    });
    // The first time the way there is not yet compiled.
    if (i > 0) took.push(performance.now() - start);
    size = bytes;
  }
  const { ticks } = await (rounds % 2 === 0 ? two : one).runtime.status("mover");
  if (ticks !== records) throw new Error(`It has ${ticks} records, not ${records}`);
  await Promise.all([one.stop(), two.stop()]);
  const ms = median(took);
  return {
    value: round(ms),
    unit: "ms",
    ...tails(took),
    bytes: size,
    against: `${records} records, ${round(size / 1024 ** 2 / (ms / 1000))} MiB/s`,
  };
}

/**
 * MiB that the RSS of a home rises at most above what it was, while an agent with a large record
 * moves to another home or comes in from one; beside the same with one of a fourth of that size.
 */
export async function moveRss(bench: Bench): Promise<Figures> {
  const { heavy } = bench.sizes;
  const grown: number[] = [];
  let size = 0;
  for (const mib of [heavy / 4, heavy]) {
    const [one, two] = await homes(bench);
    await one.runtime.create({ name: "mover", type: "speaker" });
    await flight({ count: mib, inFlight: 4 }, () =>
      one.runtime.ask("mover", { payload: SPEECH }, { timeout: 60_000 }),
    );
    let most = 0;
    for (let i = 0; i < 4; i += 1) {
      const [from, to] = i % 2 === 0 ? [one, two] : [two, one];
      const before = [from, to].map(({ pid }) => rssOf(pid));
      for (const { pid } of [from, to]) writeFileSync(`/proc/${pid}/clear_refs`, RESET_PEAK);
      const homes = { from: from.runtime, to: to.runtime };
      ({ bytes: size } = await moveAgent(homes, "mover", { url: to.url }));
      // The first way there and back, the heaps find their size.
      if (i < 2) continue;
      most = Math.max(most, ...[from, to].map(({ pid }, k) => peakOf(pid) - before[k]!));
    }
    grown.push(most);
    await Promise.all([one.stop(), two.stop()]);
  }
  const [little = 0, much = 0] = grown;
  return {
    value: round(much),
    unit: "MiB",
    bytes: size,
    against: `${round(little)} MiB for a fourth of the ${heavy} MiB`,
  };
}

/** Bytes of each record's output: just below the limit. */
const SPEECH = 1024 ** 2 - 1000;
/** Has the kernel count the peak of a process anew (proc(5), clear_refs). */
const RESET_PEAK = "5";

async function homes(bench: Bench): Promise<readonly [Home, Home]> {
  const [one, two] = await Promise.all([startHome(bench), startHome(bench)]);
  return [one, two];
}

async function startHome(bench: Bench): Promise<Home> {
  const agentd = await startAgentd(bench.directory());
  return { ...agentd, runtime: remoteRuntime(agentd) };
}

function rssOf(pid: number): number {
  return statusOf(pid, "VmRSS");
}

function peakOf(pid: number): number {
  return statusOf(pid, "VmHWM");
}

/** MiB. */
function statusOf(pid: number, field: string): number {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(text)?.[1]) / 1024;
}
