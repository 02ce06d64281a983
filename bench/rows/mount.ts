import { execFile, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmdirSync } from "node:fs";
import { writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Bench, Figures } from "../bench.ts";
import { startAgentd, startStaticFloor } from "../children.ts";
import type { Agentd } from "../children.ts";
import { httpClient } from "../http-client.ts";
import { nameOf } from "../in-process.ts";
import { flight, median, round, tails, time } from "../measure.ts";

// The tree of a home as the kernel mounts it, beside the same files on the disk of the directory for
// temporary files. Whoever reads is a process of its own, and agentd another one.

const run = promisify(execFile);

/** Agents whose files are read again and again. */
const FEW = 8;

/** A home that is mounted. */
interface Mounted {
  readonly agentd: Agentd;
  /** Where its agents are. */
  readonly agents: string;
  /** A directory of which its agents' mounts may be. */
  readonly host: string;
}

/** A home that is mounted for as long as `measure` takes, with so many agents that were told something. */
async function mounted(
  bench: Bench,
  agents: number,
  measure: (home: Mounted) => Promise<Figures>,
): Promise<Figures> {
  // Beside what is erased when the run ends: nobody must erase what is mounted.
  const dir = mkdtempSync(join(tmpdir(), "openagents-mount-"));
  const host = bench.directory();
  const agentd = await startAgentd(bench.directory(), ["--mount", dir, "--host-dir", host]);
  try {
    const post = httpClient(agentd, 32);
    await flight({ count: agents, inFlight: 32 }, async (i) => {
      await post("/agents", { name: nameOf(i), type: "teller" });
      await post(`/agents/${nameOf(i)}/send?wait`, { text: "tick" });
    });
    return await measure({ agentd, host, agents: join(dir, "agents") });
  } finally {
    await agentd.stop();
    rmdirSync(dir);
  }
}

/** Small files that are opened, read and closed in a second, at 4 threads. */
export const mountRead = (bench: Bench): Promise<Figures> => reads(bench, 4);
/** The same at one. */
export const mountReadOne = (bench: Bench): Promise<Figures> => reads(bench, 1);

function reads(bench: Bench, threads: number): Promise<Figures> {
  return mounted(bench, FEW, (home) => readsOf(bench, home, threads));
}

async function readsOf(bench: Bench, { agents }: Mounted, threads: number): Promise<Figures> {
  const ours = Array.from({ length: FEW }, (_, i) => join(agents, nameOf(i), "state"));
  const floor = ours.map(() => onDisk(bench));
  const { reads: times, rounds } = bench.sizes;
  const took: number[] = [];
  const [rates, floors]: [number[], number[]] = [[], []];
  for (let i = 0; i <= rounds; i += 1) {
    const raw = await readBy(threads, times, floor);
    const each = await readBy(threads, times, ours);
    if (i === 0) continue;
    floors.push((1000 * threads * times) / raw.ms);
    rates.push((1000 * threads * times) / each.ms);
    took.push(...each.took);
  }
  return {
    value: round(median(rates)),
    unit: "files/s",
    ...tails(took),
    ratio: round(median(rates) / median(floors)),
    against: `${round(median(floors))}/s: the same files on the disk`,
  };
}

/** MB a second of one long file of a host directory, as `dd` reads it. */
export function mountSequential(bench: Bench): Promise<Figures> {
  return mounted(bench, 1, (home) => sequential(bench, home));
}

async function sequential(bench: Bench, { agents, host }: Mounted): Promise<Figures> {
  const { mebibytes, rounds } = bench.sizes;
  const file = openSync(join(host, "long"), "w");
  const part = Buffer.alloc(1_048_576, "0123456789abcdef");
  for (let i = 0; i < mebibytes; i += 1) writeSync(file, part);
  closeSync(file);
  const agent = join(agents, nameOf(0));
  await run("sh", ["-c", `echo "mount /fs/host host read-only ${host}" >> "${agent}/mounts"`]);
  const dd = (path: string): Promise<number> =>
    time(() => run("dd", [`if=${path}`, "of=/dev/null", "bs=1M"]));
  const [ours, floor]: [number[], number[]] = [[], []];
  for (let i = 0; i <= rounds; i += 1) {
    const raw = await dd(join(host, "long"));
    const each = await dd(join(agent, "fs/host/long"));
    if (i > 0) [floor, ours].forEach((list, of) => list.push([raw, each][of]!));
  }
  const rate = (ms: readonly number[]): number => (mebibytes * 1.048576 * 1000) / median(ms);
  return {
    value: round(rate(ours)),
    unit: "MB/s",
    ratio: round(median(floor) / median(ours)),
    against: `${round(rate(floor))} MB/s: the file itself, in the page cache`,
  };
}

/** What `mount.read.one` comes to while so many readers are parked in traces. */
export function mountParked(bench: Bench): Promise<Figures> {
  return mounted(bench, FEW, (home) => besideParked(bench, home));
}

async function besideParked(bench: Bench, { agents }: Mounted): Promise<Figures> {
  const { parked, reads: times, rounds } = bench.sizes;
  const files = Array.from({ length: FEW }, (_, i) => join(agents, nameOf(i), "state"));
  const alone = await medianRate(rounds, () => readBy(1, times, files));
  const traces = files.map((path) => path.replace(/state$/, "logs/trace"));
  const child = spawn(process.execPath, [script("parked-readers.ts"), String(parked), ...traces], {
    env: { ...process.env, UV_THREADPOOL_SIZE: String(parked) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  await new Promise((resolve) => setTimeout(resolve, 500));
  const beside = await medianRate(rounds, () => readBy(1, times, files));
  child.kill("SIGTERM");
  return {
    value: round(beside * times),
    unit: "files/s",
    ratio: round(beside / alone),
    against: `${round(alone * times)}/s: with nobody parked`,
  };
}

/** How long `find` takes over all agents, ms. */
export const mountFind = (bench: Bench): Promise<Figures> =>
  walk(bench, (dir) => run("find", [dir, "-type", "f"], WIDE));
/** The same for `grep -r`, but for what never ends; and RSS of agentd then, MB. */
export const mountGrep = (bench: Bench): Promise<Figures> =>
  walk(bench, (dir) =>
    run("sh", ["-c", `grep -rsl nothing-has-this ${ENDLESS} "${dir}" || true`], WIDE),
  );

const ENDLESS = "--exclude=trace --exclude=events";
const WIDE = { maxBuffer: 268_435_456 };

type Walk = (dir: string) => Promise<unknown>;

function walk(bench: Bench, over: Walk): Promise<Figures> {
  return mounted(bench, bench.sizes.tree, (home) => walked(bench, home, over));
}

async function walked(bench: Bench, { agentd, agents }: Mounted, over: Walk): Promise<Figures> {
  const { rounds } = bench.sizes;
  const copy = bench.directory();
  await run("sh", ["-c", `tar cf - ${ENDLESS} -C "${agents}" . | tar xf - -C "${copy}"`]);
  const [ours, floor]: [number[], number[]] = [[], []];
  for (let i = 0; i <= rounds; i += 1) {
    const raw = await time(() => over(copy));
    const each = await time(() => over(agents));
    if (i > 0) [floor, ours].forEach((list, of) => list.push([raw, each][of]!));
  }
  const rss = Number(
    /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${agentd.pid}/status`, "utf8"))?.[1],
  );
  return {
    value: round(median(ours)),
    unit: "ms",
    ratio: round(median(floor) / median(ours)),
    against: `${round(median(floor))} ms: a copy on the disk; RSS of agentd: ${Math.round(rss / 1024)} MiB`,
  };
}

/** Statuses of agents that are read over HTTP in a second. */
export function fsHttpGet(bench: Bench): Promise<Figures> {
  return mounted(bench, FEW, (home) => statuses(bench, home));
}

async function statuses(bench: Bench, { agentd }: Mounted): Promise<Figures> {
  const { connections, http: count, rounds } = bench.sizes;
  const get = httpClient(agentd, connections);
  const path = (i: number): string => `/fs/agents/${nameOf(i % FEW)}/status`;
  const floor = await startStaticFloor(Buffer.byteLength(await get(path(0))));
  const raw = httpClient(floor, connections);
  const took: number[] = [];
  const [ours, floors]: [number[], number[]] = [[], []];
  for (let i = 0; i <= rounds; i += 1) {
    floors.push(await time(() => flight({ count, inFlight: connections }, () => raw("/"))));
    const start = performance.now();
    const each = await flight({ count, inFlight: connections }, (j) => get(path(j)));
    ours.push(performance.now() - start);
    if (i > 0) took.push(...each);
  }
  await floor.stop();
  const rate = (ms: readonly number[]): number => (count * 1000) / median(ms.slice(1));
  return {
    value: round(rate(ours)),
    unit: "files/s",
    ...tails(took),
    ratio: round(rate(ours) / rate(floors)),
    against: `${round(rate(floors))}/s: the same bytes by a bare HTTP server`,
  };
}

interface Reads {
  readonly ms: number;
  readonly took: readonly number[];
}

async function readBy(threads: number, times: number, paths: readonly string[]): Promise<Reads> {
  const args = [script("file-reader.ts"), String(threads), String(times), ...paths];
  return JSON.parse((await run(process.execPath, args, WIDE)).stdout) as Reads;
}

/** How often a second it can be done. */
async function medianRate(rounds: number, read: () => Promise<Reads>): Promise<number> {
  const rates: number[] = [];
  for (let i = 0; i <= rounds; i += 1) rates.push(1000 / (await read()).ms);
  return median(rates.slice(1));
}

/** A file as small as the state of an agent. */
function onDisk(bench: Bench): string {
  const path = join(bench.directory(), "state");
  writeFileSync(path, '{\n  "told": 1\n}\n');
  return path;
}

function script(name: string): string {
  return fileURLToPath(new URL(`../${name}`, import.meta.url));
}
