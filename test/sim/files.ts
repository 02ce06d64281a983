import { fakeSigner } from "../../src/testing/fake-signer.ts";
import { createRuntime, defineAgent, defineRuntime, TerminalError } from "../../src/index.ts";
import { FileError } from "../../src/core/file-error.ts";
import type { Errno } from "../../src/core/file-error.ts";
import type { Context, FileService, Runtime } from "../../src/index.ts";
import { agentMemory } from "../../src/memory/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { agentTree } from "../../src/vfs/agent-tree.ts";
import { scratch } from "../../src/vfs/scratch.ts";
import { Editor } from "./editors.ts";
import { shaky, World } from "./world.ts";

const MINUTE = 60_000;
const CLIENTS = ["a", "b"] as const;
const PER_CLIENT = 5;
/** Changes that each operator is told are made; those of which it is not known are more. */
const EDITS = 8;

const signer = { ...fakeSigner(), sign: async () => new Uint8Array(64), verify: () => false };

/**
 * A run of the simulation: an agent that works in its own files and in those outside, whom two clients
 * write and whose files two operators edit meanwhile, on a machine that keeps failing. The promises that
 * were broken; the same for the same seed.
 */
export async function simulateFiles(seed: number): Promise<string[]> {
  const world = new World(seed);
  const disk = memoryStore();
  const { chance } = world;
  const broken: string[] = [];
  /** Uses of what is outside whose result the agent was given. */
  const finished = new Set<string>();
  /** Lines that somebody was shown. */
  const shown = new Set<string>();
  /** What is outside does not go down with the machine. */
  const outside = scratch({}, { now: () => world.time });
  const uses = new Map<string, number>();

  const used = async (what: string): Promise<void> => {
    const { life } = world;
    if (finished.has(what)) broken.push(`${what} was done again`);
    uses.set(what, (uses.get(what) ?? 0) + 1);
    await world.pause(life);
  };
  /** Each use of it is counted, by what it is and what for. */
  const counting: FileService = {
    stat: (path) => outside.stat(path),
    list: (path, query) => outside.list(path, query),
    async read(path, range) {
      const { life } = world;
      await world.pause(life);
      return outside.read(path, range);
    },
    async write(path, data, options) {
      await used(`write ${path} ${new TextDecoder().decode(data)}`);
      return outside.write(path, data, options);
    },
    async remove(path) {
      await used(`remove ${path}`);
      await outside.remove(path);
    },
    rename: (from, to) => outside.rename(from, to),
    watch: (path, signal) => outside.watch(path, signal),
  };

  let inside: Context | undefined;
  function enter(ctx: Context): void {
    if (inside !== undefined) broken.push("two ticks at once");
    inside = ctx;
  }
  function leave(ctx: Context): void {
    if (inside === ctx) inside = undefined;
  }
  /** Messages that were dead letters: what failed before is asked for anew. */
  const buried = new Set<string>();

  function luck(bad: number): void {
    if (chance() >= bad) return;
    throw chance() < 0.3 ? new TerminalError("worse luck") : new Error("bad luck");
  }

  async function work(ctx: Context, text: string): Promise<void> {
    const { fs } = ctx;
    const client = text.slice(0, 1);
    const [doing, done] = ["doing", "done"].map(
      (at) => `/memory/files/${at}/${client}/${text}`,
    ) as [string, string];
    await fs.write("/memory/files/log", `${text}\n`, { at: "end" });
    await fs.write(doing, `${text} 1`);
    luck(0.05);
    // Several of one name at once: each is known by when it was called.
    await Promise.all(
      ["0", "1", "2"].map(async (part) => {
        await fs.write(`/fs/out/${text}.parts`, part, { at: "end" });
        finished.add(`write /${text}.parts ${part}`);
      }),
    );
    luck(0.05);
    let there = true;
    await unless("ENOENT", fs.stat(`/fs/out/${text}`), () => (there = false));
    if (there && !buried.has(text)) broken.push(`${text} is told something else than before`);
    if (!there) {
      await fs.write(`/fs/out/${text}`, text);
      finished.add(`write /${text} ${text}`);
    }
    luck(0.05);
    if (/[024]$/.test(text)) {
      // What was done until here is dropped, and done again.
      leave(ctx);
      await ctx.sleep("10s");
      enter(ctx);
    }
    const removing = fs.remove(`/fs/out/${text}.parts`);
    await unless(
      "ENOENT",
      removing.then(() => finished.add(`remove /${text}.parts`)),
    );
    luck(0.05);
    await fs.write(doing, ` 2`, { at: "end" });
    for (const path of ["box", "done", `done/${client}`]) {
      await unless("EEXIST", fs.makeDirectory(`/memory/files/${path}`));
    }
    await fs.makeDirectory(`/memory/files/box/${text}`);
    await fs.rename(doing, done);
    await fs.write(`/goals/${text}`, `Goal of ${text}`);
    if (text.endsWith("1")) await fs.remove(`/goals/${text}`);
    await fs.write(`/alarms/${text}`, `{"in": "900d", "payload": "${text}"}`);
    if ((await fs.read(done)) !== `${text} 1 2`) broken.push(`${text} is not read back`);
    const { got } = JSON.parse(await fs.read("/state")) as { got: string[] };
    await fs.write("/state", JSON.stringify({ got: [...got, text] }));
    if ((ctx.state as { got: string[] }).got.join() !== [...got, text].join()) {
      broken.push(`the state is not as ${text} wrote it`);
    }
    luck(0.05);
  }

  const filer = defineAgent({
    name: "filer",
    state: { got: [] as string[] },
    retry: { retries: 1000, backoff: "1s", quarantineAfter: 1000 },
    mounts: [{ path: "/fs/out", kind: "out", source: "", access: "read-write" }],
    async onMessage(ctx, { text }) {
      enter(ctx);
      // One that is cut off is over, whatever still runs of it.
      ctx.signal.addEventListener("abort", () => leave(ctx));
      try {
        await work(ctx, text);
      } finally {
        leave(ctx);
      }
    },
  });

  const definition = defineRuntime({
    agents: [filer],
    ensure: [{ name: "filer", type: "filer" }],
    limits: { concurrency: 1 + Math.floor(chance() * 3), cached: 1 + Math.floor(chance() * 2) },
  });
  let runtime: Runtime;
  function boot(): void {
    const { life } = world;
    const clock = world.clock(life);
    const kinds = { out: () => counting, scratch: () => scratch({}, clock) };
    const store = shaky(world, disk);
    const tree = agentTree(kinds);
    const random = world.random();
    runtime = createRuntime({
      definition,
      store,
      signer,
      clock,
      random,
      tree,
      memory: agentMemory,
    });
    const start = async (): Promise<void> => {
      for (;;) {
        try {
          return await runtime.start();
        } catch {
          await world.pause(life);
        }
      }
    };
    void start();
  }

  /** Each does one thing after the other, and is busy with none in a new life. */
  const doing = new Map<string, number>();
  function alone(who: string, what: () => Promise<unknown>): void {
    const { life } = world;
    if (doing.get(who) === life) return;
    doing.set(who, life);
    const over = (): void => {
      if (life === world.life) doing.delete(who);
    };
    what().then(over, over);
  }

  const accepted = new Set<string>();
  const editors = ["x", "y"].map((name) => new Editor(name, chance));
  const isDone = (): boolean =>
    accepted.size === CLIENTS.length * PER_CLIENT && editors.every(({ told }) => told >= EDITS);

  function drive(): void {
    for (const client of CLIENTS) {
      const next = [...accepted].filter((text) => text.startsWith(client)).length;
      if (next >= PER_CLIENT) continue;
      alone(client, async () => {
        const { life } = world;
        const text = `${client}${next}`;
        await runtime.send("filer", { payload: text, id: text, from: client });
        if (life === world.life) accepted.add(text);
      });
    }
    for (const [i, editor] of editors.entries()) {
      if (editor.told < EDITS) alone(`editor ${i}`, () => editor.edit(runtime.fs("filer")));
    }
    if (chance() < 0.02) {
      alone("reader", async () => {
        const { life } = world;
        const log = await runtime.fs("filer", "read").read("/memory/files/log");
        const lines = new TextDecoder().decode(log).split("\n");
        if (life === world.life) for (const line of lines) if (line !== "") shown.add(line);
      });
    }
  }

  function meddle(late: boolean): void {
    alone("operator", async () => {
      const what = late ? 1 : chance();
      if (what < 0.3) await runtime.pause("filer");
      else if (what < 0.4) await runtime.cancel("filer", {});
      else if (what < 0.5) await runtime.hibernate("filer");
      else await runtime.resume("filer");
    });
  }

  async function operate(): Promise<boolean> {
    const filer = await disk.get("filer");
    const [dead] = filer ? await disk.mail(filer.id, { box: "deadletter", limit: 1 }) : [];
    if (dead === undefined || doing.get("replayer") === world.life) return false;
    const { type, id } = dead.envelope;
    buried.add(id);
    // A change that was refused would be refused again, and its operator was told.
    const again = type !== "control" || /CANCELLED/.test(dead.reason ?? "");
    alone("replayer", () => (again ? runtime.replay("filer", id) : runtime.discard("filer", id)));
    return true;
  }

  boot();
  for (let steps = 0; steps < 30_000; steps += 1) {
    const late = world.crashes + world.losses > 12;
    if (!late && chance() < 0.005) {
      world.crash(disk);
      inside = undefined;
      boot();
    } else if (!late && chance() < 0.003) {
      world.lose(disk);
    }
    drive();
    if (chance() < 0.03) await operate();
    if (chance() < 0.01) meddle(late || steps > 15_000);
    if ((await world.step(10 * MINUTE)) || (await operate())) continue;
    const paused = (await disk.list({ limit: 1, status: "paused" })).items.length > 0;
    if (!paused && isDone()) break;
    meddle(true);
  }
  if (!isDone()) broken.push("somebody was never answered");
  return [...broken, ...(await judge())];

  /** Holds what is stored in the end against what was promised. */
  async function judge(): Promise<string[]> {
    const wrong: string[] = [];
    const kinds = { out: () => outside, scratch: () => scratch({}, { now: () => world.time }) };
    const last = createRuntime({
      definition,
      store: disk,
      signer,
      tree: agentTree(kinds),
      memory: agentMemory,
    });
    const files = last.fs("filer");
    const text = async (path: string): Promise<string> =>
      new TextDecoder().decode(await files.read(path).catch(() => new Uint8Array(0)));
    const names = async (path: string): Promise<string> => {
      const page = await files.list(path, { limit: 1000 }).catch(() => ({ items: [] }));
      return page.items.map(({ name }) => name).join();
    };
    const is = (what: string, got: string, wanted: string): void => {
      if (got !== wanted) wrong.push(`${what}: ${got}, not ${wanted}`);
    };
    const all = [...accepted].toSorted();
    const log = (await text("/memory/files/log")).split("\n").filter((line) => line !== "");
    is("log", log.toSorted().join(), all.join());
    const got = ((await last.state("filer"))["got"] ?? []) as string[];
    is("state", got.join(), log.join());
    for (const line of shown)
      if (!log.includes(line)) wrong.push(`"${line}" was shown, and is gone`);
    is("boxes", await names("/memory/files/box"), all.join());
    for (const client of CLIENTS) {
      const own = all.filter((one) => one.startsWith(client));
      is(`done by ${client}`, await names(`/memory/files/done/${client}`), own.join());
      is(`doing of ${client}`, await names(`/memory/files/doing/${client}`), "");
    }
    const goals = (await names("/goals")).split(",");
    const alarms = (await names("/alarms")).split(",");
    for (const one of all) {
      is(one, await text(`/memory/files/done/${one.slice(0, 1)}/${one}`), `${one} 1 2`);
      is(`goal ${one}`, String(goals.includes(one)), String(!one.endsWith("1")));
      is(`alarm ${one}`, String(alarms.includes(one)), "true");
      is(`outside ${one}`, await text(`/fs/out/${one}`), one);
      is(`outside ${one}.parts`, await text(`/fs/out/${one}.parts`), "");
    }
    for (const editor of editors) wrong.push(...(await editor.judge(files)));
    const verdict = await last.verify("filer");
    if (!verdict.ok) wrong.push(`record ${verdict.wrong}: ${verdict.reason}`);
    const report = await last.status("filer");
    if (report.queued > 0 || report.parked.length > 0) wrong.push("something is left to do");
    for (const { envelope, reason } of await last.deadLetters("filer", 0, 100)) {
      wrong.push(`dead letter: ${JSON.stringify(envelope.payload)}: ${reason}`);
    }
    return wrong;
  }
}

/** Waits for something that may fail with one error of files, and does something else then. */
async function unless(errno: Errno, work: Promise<unknown>, then?: () => void): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof FileError) || error.errno !== errno) throw error;
    then?.();
  }
}
