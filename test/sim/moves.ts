import { moveAgent } from "../../src/control/move-agent.ts";
import type { MovingHome } from "../../src/control/move-agent.ts";
import { createRuntime, defineAgent, defineRuntime, OpenAgentsError } from "../../src/index.ts";
import type { Context, FileService, Forwarder, Runtime, Signer } from "../../src/index.ts";
import { agentMemory } from "../../src/memory/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import type { MemoryStore } from "../../src/stores/memory.ts";
import { fakeSigner } from "../../src/testing/fake-signer.ts";
import { agentTree } from "../../src/vfs/agent-tree.ts";
import { scratch } from "../../src/vfs/scratch.ts";
import { Editor } from "./editors.ts";
import { Machine, Machines } from "./machines.ts";

const MINUTE = 60_000;
/** Ways that the agent goes, there and back, and messages for each, and for when it is there. */
const WAYS = 3;
const MESSAGES = 4;
const BEATS = 5;
/** Changes of the agent's files, by an operator at whichever home. */
const EDITS = 9;

/** A home on a machine of its own. */
interface SimHome {
  readonly url: string;
  readonly machine: Machine;
  readonly disk: MemoryStore;
  /** Absent while it starts. */
  runtime: Runtime | undefined;
}

/**
 * A run of the simulation: an agent goes from home to home and back while a client keeps writing to
 * the first one, and both homes, and who leads the move, keep going down at any await. The promises
 * that were broken; the same for the same seed.
 */
export async function simulateMoves(seed: number): Promise<string[]> {
  const world = new Machines(seed);
  const { chance } = world;
  const broken: string[] = [];
  /** The hash of each record that anybody was told of, and who told: a second one is a second owner. */
  const told = new Map<number, string>();
  let inside: SimHome | undefined;
  let crashes = 0;

  /** Notes that no other tick of the agent runs, here or at the other home. */
  async function alone(
    home: SimHome,
    ctx: Context,
    work: () => void | Promise<void>,
  ): Promise<void> {
    if (inside !== undefined) broken.push(`it ticks at ${home.url} and at ${inside.url}`);
    inside = home;
    const out = (): void => {
      if (!ctx.signal.aborted) inside = undefined;
    };
    // One that is cut off, as the agent leaves, is over: what still runs of it changes nothing.
    ctx.signal.addEventListener("abort", () => (inside = undefined));
    await world.pause(home.machine);
    try {
      await work();
    } finally {
      out();
    }
  }

  const agentsOf = (home: SimHome) => [
    defineAgent({
      name: "traveller",
      state: { got: [] as string[], fired: [] as number[], answers: [] as unknown[] },
      retry: { retries: 1000, backoff: "1s", quarantineAfter: 1000 },
      onCreate: (ctx) => void ctx.schedule({ every: "20s" }, null, { id: "beat" }),
      onMessage: (ctx, message) =>
        message.text === "ask"
          ? (async () => {
              const answer = await ctx.request("friend", "well?", { timeout: "10d" });
              ctx.state.answers.push(answer);
            })()
          : alone(home, ctx, async () => {
              if (chance() < 0.1) throw new Error("bad luck");
              ctx.state.got.push(message.text);
              await ctx.fs.write("/memory/files/got", `${message.text}\n`, { at: "end" });
            }),
      onAlarm: (ctx, alarm) =>
        alone(home, ctx, () => {
          ctx.state.fired.push(alarm.dueAt);
          if (ctx.state.fired.length >= BEATS) ctx.cancel("beat");
        }),
    }),
    defineAgent({
      name: "friend",
      // However often it goes down with it, it is not to blame.
      retry: { retries: 1000, backoff: "1s", quarantineAfter: 1000 },
      async onMessage(ctx, message) {
        await ctx.sleep("30s");
        await ctx.reply(`answer to ${message.text}`);
      },
    }),
  ];

  const homes: SimHome[] = ["a", "b"].map((name) => ({
    url: `http://${name}.test`,
    machine: new Machine(),
    disk: memoryStore(),
    runtime: undefined,
  }));
  const [a, b] = homes as [SimHome, SimHome];

  /** What a call over the network does: it, or its answer, may be lost, with whom it is made to or not. */
  async function over<T>(
    caller: Machine,
    home: SimHome,
    call: (runtime: Runtime) => Promise<T>,
  ): Promise<T> {
    const { life } = caller;
    await world.pause(caller, life);
    const { runtime, machine } = home;
    const then = machine.life;
    if (runtime === undefined || chance() < 0.03) throw unreachable(home);
    const result = await Promise.race([call(runtime), machine.ended]).catch((error: unknown) => {
      throw error instanceof OpenAgentsError ? error : unreachable(home);
    });
    await world.pause(caller, life);
    if (chance() < (machine.life === then ? 0.05 : 0.5)) throw unreachable(home);
    return result;
  }

  const forwarderOf = (from: SimHome): Forwarder => ({
    async forward({ url, agent, ticket, hops }, mail) {
      const to = homes.find((home) => home.url === url)!;
      return over(from.machine, to, async (runtime) => {
        if (!(await runtime.admits(agent, ticket))) return mail.map(() => "moved" as const);
        return runtime.deliver(mail, hops);
      });
    },
  });

  async function boot(home: SimHome): Promise<void> {
    const { machine, disk } = home;
    const { life } = machine;
    const runtime = createRuntime({
      definition: defineRuntime({
        agents: agentsOf(home),
        ensure: (home === a ? ["traveller", "friend"] : ["friend"]).map((name) => ({
          name,
          type: name,
        })),
        limits: { concurrency: 1 + Math.floor(chance() * 3), cached: 1 + Math.floor(chance() * 3) },
      }),
      store: world.shaky(machine, disk),
      signer: signerOf(home),
      forwarder: forwarderOf(home),
      ...treeOf(() => world.time),
      clock: world.clock(machine),
      random: world.random(),
    });
    runtime.watch(undefined, ({ agent, record }) => {
      if (machine.life !== life || agent.name !== "traveller") return;
      const text = JSON.stringify(record);
      const before = told.get(record.n) ?? text;
      if (before !== text) broken.push(`two records ${record.n}: ${before} and ${text}`);
      told.set(record.n, text);
    });
    await runtime.start();
    if (machine.life === life) home.runtime = runtime;
  }

  function crash(home: SimHome): void {
    crashes += 1;
    home.machine.end();
    home.runtime = undefined;
    home.disk.crash();
    if (inside === home) inside = undefined;
    void boot(home);
  }

  /** A home as whoever leads the move reaches it. */
  function reached(leader: Machine, home: SimHome): MovingHome {
    const call =
      <K extends keyof MovingHome>(name: K) =>
      (...args: Parameters<MovingHome[K]>) =>
        over(leader, home, (runtime) =>
          (runtime[name] as (...args: unknown[]) => Promise<never>)(...args),
        );
    return {
      get: call("get"),
      identity: call("identity"),
      leave: call("leave"),
      stay: call("stay"),
      depart: call("depart"),
      arrive: call("arrive"),
      export: async (...args) => cut(await call("export")(...args), [home.machine, leader]),
      import: (bundle, options) => call("import")(cut(bundle, [home.machine, leader]), options),
    };
  }

  /** How many it has gone. */
  let way = 0;
  // An operator who changes its files, and is told where it is no more often than not.
  const desk = new Machine();
  const editor = new Editor("e", chance);
  let editing = false;
  function edit(): void {
    if (editing || way === WAYS || editor.told >= (EDITS / WAYS) * (way + 1)) return;
    editing = true;
    const home = chance() < 0.8 === (way % 2 === 0) ? a : b;
    const call =
      <K extends "stat" | "read" | "write" | "remove" | "rename">(name: K) =>
      (...args: Parameters<FileService[K]>) =>
        over(desk, home, (runtime) => {
          const files = runtime.fs("traveller");
          return (files[name] as (...all: unknown[]) => Promise<never>)(...args);
        });
    const files = {
      stat: call("stat"),
      read: call("read"),
      write: call("write"),
      remove: call("remove"),
      rename: call("rename"),
    };
    const done = (): void => void (editing = false);
    editor.edit(files).then(done, done);
  }

  // Who leads: again and again until the agent is where it is to be, and then back.
  const leader = new Machine();
  let leading = -1;
  async function lead(): Promise<void> {
    if (leading === leader.life || way >= WAYS) return;
    // Somewhere in between it stays for long enough that its files can be changed.
    if (editor.told < (EDITS / WAYS) * way) return;
    leading = leader.life;
    const { life } = leader;
    const [from, to] = way % 2 === 0 ? [a, b] : [b, a];
    const parties = { from: reached(leader, from), to: reached(leader, to) };
    try {
      await moveAgent(parties, "traveller", { url: to.url, wait: 5 * MINUTE });
      if (leader.life === life) way += 1;
    } catch {
      // It is led again.
    }
    if (leader.life === life) leading = -1;
  }

  // A client at the first home, that sends one message after the other until each is accepted.
  const client = new Machine();
  const accepted: string[] = [];
  let sending = false;
  function write(): void {
    const text = accepted.length === 1 ? "ask" : `m${accepted.length}`;
    // Some on each way, so that some are under way while the agent is.
    if (sending || accepted.length >= MESSAGES * (way + 1)) return;
    sending = true;
    const send = async (): Promise<void> => {
      const mail = { payload: text, id: text };
      const { receipt } = await over(client, a, (runtime) => runtime.send("traveller", mail));
      if (receipt === "dead-lettered") broken.push(`${text} is a dead letter`);
      accepted.push(text);
    };
    const rest = async (): Promise<void> => {
      for (let i = chance() * 40; i > 0; i -= 1) await world.pause(client);
    };
    void send()
      .catch(rest)
      .finally(() => (sending = false));
  }

  for (const home of homes) void boot(home);
  for (let steps = 0; steps < 60_000; steps += 1) {
    if (crashes < 14) {
      const luck = chance();
      if (luck < 0.002) crash(a);
      else if (luck < 0.004) crash(b);
      else if (luck < 0.006) {
        leader.end();
        leading = -1;
      }
    }
    write();
    edit();
    void lead();
    const more = await world.step(30 * MINUTE);
    if (!more && way >= WAYS && accepted.length >= MESSAGES * (WAYS + 1)) break;
    // A home that both wait for is starting again in a while.
    if (!more) world.time += 1000;
  }
  if (way < WAYS) broken.push(`it did not get there: way ${way}`);
  if (accepted.length < MESSAGES * (WAYS + 1)) broken.push("the client was never answered");
  return [...broken, ...(await judge([a, b], accepted, editor))];
}

/** What agents' files are made with. */
function treeOf(now: () => number): Pick<Parameters<typeof createRuntime>[0], "tree" | "memory"> {
  return { tree: agentTree({ scratch: () => scratch({}, { now }) }), memory: agentMemory };
}

/** Both homes have accounts from 0 on, and each its own keys. */
function signerOf({ url }: SimHome): Signer {
  const signer = fakeSigner(url);
  const own = url.includes("a.") ? 0 : 1000;
  return { ...signer, identity: (account) => signer.identity(account + own) };
}

/** The same stream, which breaks when one of these machines goes down. */
function cut(
  stream: ReadableStream<Uint8Array>,
  machines: readonly Machine[],
): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  const ends = machines.map((machine) => machine.ended);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await Promise.race([reader.read(), ...ends]);
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          controller.error(error);
          void reader.cancel(error).catch(() => undefined);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

function unreachable({ url }: SimHome): OpenAgentsError {
  return new OpenAgentsError("UNREACHABLE", `Cannot reach ${url}`);
}

/** Holds what is stored in the end against what was promised. */
async function judge(
  [a, b]: [SimHome, SimHome],
  accepted: readonly string[],
  editor: Editor,
): Promise<string[]> {
  const broken: string[] = [];
  const agents = ["traveller", "friend"].map((name) => defineAgent({ name }));
  const [old, now] = [a, b].map(({ disk, url }) =>
    createRuntime({
      definition: defineRuntime({ agents }),
      store: disk,
      signer: fakeSigner(url),
      ...treeOf(() => 0),
    }),
  ) as [Runtime, Runtime];
  const report = await now.status("traveller");
  const tombstone = await old.status("traveller");
  if (tombstone.status !== "moved") broken.push(`it is ${tombstone.status} at its old home`);
  if (report.status !== "dormant") return [...broken, `it is ${report.status} at its new home`];
  const { got, fired, answers } = (await now.state("traveller")) as Record<string, unknown[]>;
  const wanted = accepted.filter((text) => text !== "ask");
  if (got!.join() !== wanted.join()) broken.push(`got ${got!.join()}, not ${wanted.join()}`);
  if (new Set(fired).size !== BEATS || fired!.length !== BEATS) {
    broken.push(`alarms fired: ${fired!.join()}`);
  }
  if (answers!.join() !== "answer to well?") broken.push(`answers: ${answers!.join()}`);
  const files = now.fs("traveller");
  const kept = new TextDecoder().decode(await files.read("/memory/files/got"));
  if (kept !== got!.map((text) => `${String(text)}\n`).join("")) broken.push(`kept ${kept}`);
  broken.push(...(await editor.judge(files)));
  const beats = report.alarms.filter(({ id }) => id === "beat");
  if (report.queued + report.parked.length + beats.length > 0) {
    broken.push(`left: ${JSON.stringify(report)}`);
  }
  for (const { envelope, reason } of await now.deadLetters("traveller", 0, 100)) {
    // A change that came too late was refused, and its operator told.
    if (envelope.type !== "control") broken.push(`dead letter ${envelope.id}: ${reason}`);
  }
  const verdict = await now.verify("traveller");
  if (!verdict.ok) broken.push(`record ${verdict.wrong}: ${verdict.reason}`);
  const [part] = await now.log("traveller", Math.max(0, tombstone.ticks - 1), 1);
  if (part?.hash !== tombstone.head)
    broken.push("the old home's record is not a part of the new one's");
  return broken;
}
