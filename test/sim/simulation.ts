import { fakeSigner } from "../../src/testing/fake-signer.ts";
import { createRuntime, defineAgent, defineRuntime, TerminalError } from "../../src/index.ts";
import type { Context, Runtime, Store } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { shaky, World } from "./world.ts";

const MINUTE = 60_000;

const signer = { ...fakeSigner(), sign: async () => new Uint8Array(64), verify: () => false };

/** What happened in a run, as seen from outside all of its lives. */
class Witness {
  /** Ids of messages whose sender was told that they are accepted. */
  readonly accepted = new Set<string>();
  /** Steps whose result was given to the hook. */
  readonly finished = new Set<string>();
  readonly ticking = new Set<string>();
  /** Agents that an operator was told are paused: over crashes, until somebody tries to resume them. */
  readonly paused = new Set<string>();
  /** Messages that somebody tried to cancel: what they had asked may be asked again. */
  readonly cancelled = new Set<string>();
  readonly broken: string[] = [];
}

/**
 * A run of the simulation: three agents and three clients on one machine that keeps failing. The
 * promises that were broken; the same for the same seed.
 */
export async function simulate(seed: number): Promise<string[]> {
  const world = new World(seed);
  const disk = memoryStore();
  const witness = new Witness();
  const { chance } = world;

  /** Notes that no other tick of the agent runs, and waits somewhere in the middle. */
  async function alone(ctx: Context, work: () => Promise<void>): Promise<void> {
    const { life } = world;
    const { name } = ctx.agent;
    if (witness.ticking.has(name)) witness.broken.push(`two ticks of ${name} at once`);
    if (witness.paused.has(name)) witness.broken.push(`a tick of ${name}, which is paused`);
    witness.ticking.add(name);
    try {
      await world.pause(life);
      await work();
    } finally {
      if (life === world.life) witness.ticking.delete(name);
    }
  }

  /** A step, which may not be done again once its result was given to the hook. */
  async function effect(ctx: Context, name: string): Promise<void> {
    const key = `${ctx.trigger.id} ${name}`;
    const { life } = world;
    await ctx.step(name, async () => {
      if (witness.finished.has(key)) witness.broken.push(`step ${key} ran again`);
      await world.pause(life);
    });
    witness.finished.add(key);
  }

  const agents = [
    // Keeps what it gets, in order; answers.
    defineAgent({
      name: "keeper",
      state: { got: [] as string[] },
      retry: { retries: 1000, backoff: "1s", quarantineAfter: 1000 },
      onMessage: (ctx, message) =>
        alone(ctx, async () => {
          if (chance() < 0.1) throw new Error("bad luck");
          ctx.state.got.push(message.text);
          if (chance() < 0.1) throw new Error("bad luck, late");
          if (message.expectsReply) await ctx.reply(`kept ${message.text}`);
        }),
    }),
    // Works in steps, asks, sleeps, and passes on.
    defineAgent({
      name: "worker",
      state: { done: [] as string[] },
      retry: { retries: 1000, backoff: "1s", quarantineAfter: 1000 },
      async onMessage(ctx, message) {
        // Parked ticks end at a wait, so only what lies between two waits is checked to be alone.
        if (!message.text.endsWith("3"))
          await alone(ctx, async () => {
            await effect(ctx, "first");
            if (chance() < 0.1) throw new Error("bad luck");
            await effect(ctx, "second");
            if (chance() < 0.1) throw new TerminalError("bad luck");
          });
        if (/[023]$/.test(message.text)) await ctx.sleep("10s");
        const answer = await ctx.request("keeper", `asked:${message.text}`, { timeout: "1d" });
        await effect(ctx, "third");
        if (chance() < 0.1) throw new TerminalError("worse luck");
        ctx.state.done.push(`${message.text} ${JSON.stringify(answer)}`);
        await ctx.send("keeper", `passed:${message.text}`);
      },
    }),
    // Counts its alarms.
    defineAgent({
      name: "ticker",
      state: { fired: [] as number[] },
      retry: { retries: 1000, backoff: "1s", quarantineAfter: 1000 },
      onCreate: (ctx) => void ctx.schedule({ every: "20s" }, null, { id: "tick" }),
      onAlarm: (ctx, alarm) =>
        alone(ctx, async () => {
          if (chance() < 0.2) throw new TerminalError("bad luck");
          ctx.state.fired.push(alarm.dueAt);
          if (ctx.state.fired.length >= 5) ctx.cancel("tick");
        }),
    }),
  ];
  const names = ["keeper", "worker", "ticker"];
  const definition = defineRuntime({
    agents,
    ensure: names.map((name) => ({ name, type: name })),
    limits: { concurrency: 1 + Math.floor(chance() * 4), cached: 1 + Math.floor(chance() * 3) },
  });

  let runtime: Runtime;
  async function boot(): Promise<void> {
    const store: Store = shaky(world, disk);
    const clock = world.clock(world.life);
    runtime = createRuntime({ definition, store, signer, clock, random: world.random() });
    const { life } = world;
    const start = async (): Promise<void> => {
      // The first thing on a machine may meet a refusing disk: whoever starts it tries again.
      for (;;) {
        try {
          await runtime.start();
          return;
        } catch {
          await world.pause(life);
        }
      }
    };
    void start();
  }

  // Clients: each sends its messages one after the other, again until it is told "accepted".
  const clients = ["a", "b", "c"].map((name) => ({ name, next: 0, busy: -1 }));
  const PER_CLIENT = 6;
  function drive(): void {
    for (const client of clients) {
      if (client.busy === world.life || client.next >= PER_CLIENT) continue;
      client.busy = world.life;
      const { life } = world;
      const text = `${client.name}${client.next}`;
      const to = client.name === "c" ? "keeper" : chance() < 0.7 ? "worker" : "keeper";
      const send = runtime.send(to, { payload: text, id: `${text}:${to}`, from: client.name });
      const again = (): void => {
        if (life === world.life) client.busy = -1;
      };
      send.then(() => {
        if (life !== world.life) return;
        witness.accepted.add(`${text}:${to}`);
        client.next += 1;
        again();
      }, again);
    }
  }

  // An operator, who pauses agents, resumes them, and cancels what the worker does.
  let meddling = -1;
  function meddle(late: boolean): void {
    if (meddling === world.life) return;
    const { life } = world;
    meddling = life;
    const over = (): void => {
      if (life === world.life) meddling = -1;
    };
    const name = names[Math.floor(chance() * names.length)]!;
    const [client, next] = [clients[Math.floor(chance() * 2)]!, Math.floor(chance() * PER_CLIENT)];
    const text = `${client.name}${next}`;
    const what = late ? 1 : chance();
    if (what < 0.4) {
      const told = (): void => void (life === world.life && witness.paused.add(name));
      runtime.pause(name).then(told).then(over, over);
    } else if (what < 0.6) {
      witness.cancelled.add(text);
      runtime.cancel("worker", { trigger: `${text}:worker` }).then(over, over);
    } else {
      // From here on it may run.
      witness.paused.clear();
      // Not before each is over: one that is refused early leaves the others under way.
      void Promise.allSettled(names.map((each) => runtime.resume(each))).then(over);
    }
  }

  // An operator, who has what became a dead letter tried again.
  let operating = -1;
  async function operate(): Promise<boolean> {
    const worker = operating === world.life ? undefined : await disk.get("worker");
    const [dead] = worker ? await disk.mail(worker.id, { box: "deadletter", limit: 1 }) : [];
    if (dead === undefined) return false;
    operating = world.life;
    const over = (): void => void (operating = -1);
    // An answer to what was cancelled is of no use any more.
    const { type, id } = dead.envelope;
    const done = type === "response" ? runtime.discard("worker", id) : runtime.replay("worker", id);
    done.then(over, over);
    return true;
  }

  async function anyPaused(): Promise<boolean> {
    return (await disk.list({ limit: 1, status: "paused" })).items.length > 0;
  }

  await boot();
  for (let steps = 0; steps < 20_000; steps += 1) {
    const late = world.crashes + world.losses > 12;
    if (!late && chance() < 0.01) {
      world.crash(disk);
      witness.ticking.clear();
      await boot();
    } else if (!late && chance() < 0.005) {
      world.lose(disk);
    }
    drive();
    if (chance() < 0.05) await operate();
    if (chance() < 0.03) meddle(late || steps > 10_000);
    if ((await world.step(10 * MINUTE)) || (await operate())) continue;
    if (!(await anyPaused())) break;
    meddle(true);
  }
  if (clients.some(({ next }) => next < PER_CLIENT))
    witness.broken.push("a client was never answered");
  return [...witness.broken, ...(await judge(disk, witness))];
}

/** Holds what is stored in the end against what was promised. */
async function judge(disk: Store, witness: Witness): Promise<string[]> {
  const broken: string[] = [];
  // A fresh runtime on the disk as it is: no chance, no failures.
  const agents = ["keeper", "worker", "ticker"].map((name) => defineAgent({ name }));
  const runtime = createRuntime({ definition: defineRuntime({ agents }), store: disk, signer });
  const got = ((await runtime.state("keeper"))["got"] ?? []) as string[];
  const done = ((await runtime.state("worker"))["done"] ?? []) as string[];
  const fired = ((await runtime.state("ticker"))["fired"] ?? []) as number[];
  for (const id of witness.accepted) {
    const [text, to] = id.split(":") as [string, string];
    const list = to === "keeper" ? [text] : [`asked:${text}`, `passed:${text}`];
    for (const wanted of list) {
      const count = got.filter((entry) => entry === wanted).length;
      const again = wanted === `asked:${text}` && witness.cancelled.has(text);
      if (again ? count < 1 : count !== 1) broken.push(`keeper got "${wanted}" ${count} times`);
    }
    if (to === "worker" && done.filter((entry) => entry.startsWith(`${text} `)).length !== 1) {
      broken.push(`worker did not do "${text}" once`);
    }
  }
  const once = got.filter((entry) => !witness.cancelled.has(entry.replace("asked:", "")));
  if (new Set(once).size !== once.length)
    broken.push(`keeper got something twice: ${got.join(" ")}`);
  for (const sender of ["a", "b", "c"]) {
    const own = got.filter((entry) => entry.startsWith(sender) && entry.length === 2);
    if (own.join() !== own.toSorted().join()) broken.push(`order of ${sender}: ${own.join()}`);
  }
  if (fired.length !== 5 || new Set(fired).size !== 5) broken.push(`alarms fired: ${fired.join()}`);
  for (const name of ["keeper", "worker", "ticker"]) {
    const verdict = await runtime.verify(name);
    if (!verdict.ok) broken.push(`${name}: record ${verdict.wrong}: ${verdict.reason}`);
    const report = await runtime.status(name);
    for (const { envelope, reason } of await runtime.deadLetters(name, 0, 100)) {
      if (envelope.type !== "alarm")
        broken.push(
          `${name} has a dead letter: ${envelope.type} ${JSON.stringify(envelope.payload)}: ${reason}`,
        );
    }
    if (report.status !== "dormant") broken.push(`${name} is ${report.status}`);
    if (report.queued > 0) broken.push(`${name} has ${report.queued} in its inbox`);
    if (report.parked.length > 0) broken.push(`${name} has parked ${report.parked.join()}`);
  }
  if ((await disk.outbox(0, 1)).length > 0) broken.push("mail is left in the outbox");
  return broken;
}
