import { createRuntime, defineAgent, defineRuntime } from "../../src/index.ts";
import type { Context, Runtime, Store, TickOutput } from "../../src/index.ts";
import { agentMemory } from "../../src/memory/index.ts";
import { modelThinker } from "../../src/models/index.ts";
import { scriptedModel } from "../../src/models/scripted.ts";
import type { ScriptedAsk, ScriptedReply } from "../../src/models/scripted.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { fakeSigner } from "../../src/testing/fake-signer.ts";
import { shaky, World } from "./world.ts";

const MINUTE = 60_000;
const CLIENTS = ["a", "b"];
const PER_CLIENT = 4;
const USAGE = { input: 100, output: 10 };

const signer = { ...fakeSigner(), sign: async () => new Uint8Array(64), verify: () => false };

/** How many answers of the model call tools before one that ends a message: by its number. */
const roundsOf = (text: string): number => Number(text.at(-1)) % 3;
/** Calls of tools in one answer. */
const callsOf = (round: number): readonly string[] =>
  round === 0 ? ["work", "look", "look"] : ["note", "rest", "spawn", "ask", "work"];

/** What happened in a run, as seen from outside all of its lives. */
class Witness {
  readonly accepted = new Set<string>();
  /** Calls whose result was seen to be given on. */
  readonly finished = new Set<string>();
  readonly keys = new Map<string, string>();
  readonly broken: string[] = [];
  /** Answers that a model gave to their end: each is paid for, also one that was lost on its way to the journal. */
  answered = 0;

  /** A call begins; what has come before it is finished. */
  begins(call: string, before: readonly string[]): void {
    for (const one of before) this.finished.add(one);
    if (this.finished.has(call)) this.broken.push(`${call} was made again`);
  }
}

/**
 * A run of an agent that thinks, with two who write to it, on a machine that keeps failing, by a model that does.
 * The promises that were broken; the same for the same seed.
 */
export async function simulateModels(seed: number): Promise<string[]> {
  const world = new World(seed);
  const { chance } = world;
  const disk = memoryStore();
  const witness = new Witness();
  // What is lost of an answer costs something, too: the sum is known where that does not happen.
  const breaks = chance() < 0.5;

  /** The calls of a message before the model's n-th answer. */
  const before = (text: string, round: number): string[] =>
    Array.from({ length: round }, (_, i) => [
      `${text} model ${i}`,
      // Those that work on the agent itself are done again with its tick.
      ...callsOf(i)
        .map((tool, j) => `${text} ${tool} ${i} ${j}`)
        .filter((call) => /work|look/.test(call)),
    ]).flat();

  async function say({ messages }: ScriptedAsk): Promise<ScriptedReply> {
    const { life } = world;
    const asked = messages.findLastIndex(({ role }) => role === "user");
    const { text } = messages[asked]!;
    const round = messages.slice(asked).filter(({ role }) => role === "assistant").length;
    witness.begins(`${text} model ${round}`, before(text, round));
    await world.pause(life);
    if (chance() < 0.15) return { error: { status: 500 } };
    const reply = "What was said of it, in pieces";
    if (breaks && chance() < 0.1) return { text: reply, fault: { kind: "disconnect" } };
    witness.answered += 1;
    if (round >= roundsOf(text)) return { text: `done ${text}`, usage: USAGE };
    const toolCalls = callsOf(round).map((name, i) => ({ name, input: { text, round, i } }));
    return { text: reply, toolCalls, usage: USAGE };
  }

  interface Call {
    readonly text: string;
    readonly round: number;
    readonly i: number;
  }
  const outside = (tool: string, readOnly: boolean) => ({
    readOnly,
    parameters: { type: "object" },
    async execute({ text, round, i }: Call, { key }: { readonly key: string }) {
      const { life } = world;
      const call = `${text} ${tool} ${round} ${i}`;
      witness.begins(call, [...before(text, round), `${text} model ${round}`]);
      if ((witness.keys.get(call) ?? key) !== key) witness.broken.push(`${call} has two keys`);
      witness.keys.set(call, key);
      await world.pause(life);
      if (chance() < 0.1) throw new Error("bad luck");
      return `${tool} of ${text}`;
    },
  });
  const retry = { retries: 1_000, backoff: "1s", quarantineAfter: 1_000 } as const;
  const inside = (perform: (ctx: Context, text: string) => unknown) => ({
    parameters: { type: "object" },
    perform: ({ text }: Call, ctx: Context) => perform(ctx, text),
  });
  const thinker = defineAgent({
    name: "thinker",
    state: { notes: [] as string[] },
    retry,
    model: scriptedModel(say),
    budget: { perDay: { tokens: 10_000_000 } },
    tools: {
      work: outside("work", false),
      look: outside("look", true),
      note: inside((ctx, text) => (ctx.state["notes"] as string[]).push(text)),
      rest: inside((ctx) => ctx.sleep("10s")),
      ask: inside((ctx, text) => ctx.request("helper", text, { timeout: "1d" })),
      spawn: inside((ctx, text) => ctx.spawn(`child-${text}`, { type: "child", payload: text })),
    },
  });
  const child = defineAgent({
    name: "child",
    state: { got: [] as string[] },
    retry,
    onMessage: (ctx, message) => void ctx.state.got.push(message.text),
  });
  const helper = defineAgent({
    name: "helper",
    retry,
    onMessage: async (ctx, message) => void (await ctx.reply(`help with ${message.text}`)),
  });
  const definition = defineRuntime({
    agents: [thinker, child, helper],
    ensure: ["thinker", "helper"].map((name) => ({ name, type: name })),
  });

  let runtime: Runtime;
  function boot(): void {
    const { life } = world;
    const store: Store = shaky(world, disk);
    const [clock, random] = [world.clock(life), world.random()];
    const mind = modelThinker({ clock, random });
    const ports = { definition, store, signer, clock, random, memory: agentMemory, thinker: mind };
    const booted = createRuntime(ports);
    runtime = booted;
    const start = async (): Promise<void> => {
      for (;;) {
        try {
          return await booted.start();
        } catch {
          await world.pause(life);
        }
      }
    };
    void start();
  }

  const clients = CLIENTS.map((name) => ({ name, next: 0, busy: -1 }));
  function drive(): void {
    for (const client of clients) {
      if (client.busy === world.life || client.next >= PER_CLIENT) continue;
      client.busy = world.life;
      const { life } = world;
      const text = `${client.name}${client.next}`;
      const again = (): void => {
        if (life === world.life) client.busy = -1;
      };
      runtime.send("thinker", { payload: text, id: text, from: client.name }).then(() => {
        if (life !== world.life) return;
        witness.accepted.add(text);
        client.next += 1;
        again();
      }, again);
    }
  }

  boot();
  for (let steps = 0; steps < 20_000; steps += 1) {
    const late = world.crashes + world.losses > 12;
    if (!late && chance() < 0.01) {
      world.crash(disk);
      boot();
    } else if (!late && chance() < 0.005) {
      world.lose(disk);
    }
    drive();
    if (!(await world.step(10 * MINUTE))) break;
  }
  if (clients.some(({ next }) => next < PER_CLIENT))
    witness.broken.push("a client was never answered");
  return [...witness.broken, ...(await judge(disk, { witness, breaks }))];
}

/** Holds what is stored in the end against what was promised. */
async function judge(
  disk: Store,
  { witness, breaks }: { readonly witness: Witness; readonly breaks: boolean },
): Promise<string[]> {
  const broken: string[] = [];
  const talks: Record<string, unknown> = {};
  const looker = defineAgent({
    name: "thinker",
    async onManual(ctx) {
      for (const { id } of await ctx.memory.conversations.list()) {
        talks[id] = await ctx.memory.conversations.get(id).messages({ limit: 1_000 });
      }
    },
  });
  const definition = defineRuntime({
    agents: [looker, ...["child", "helper"].map((name) => defineAgent({ name }))],
  });
  const runtime = createRuntime({ definition, store: disk, signer, memory: agentMemory });
  const { items } = await runtime.list({ limit: 100 });
  for (const { name } of items) {
    const report = await runtime.status(name);
    if (report.queued > 0) broken.push(`${name} has ${report.queued} in its inbox`);
    const dead = await runtime.deadLetters(name, 0, 10);
    for (const { envelope, reason } of dead) broken.push(`${name}: ${envelope.id}: ${reason}`);
    const verdict = await runtime.verify(name);
    if (!verdict.ok) broken.push(`${name}: record ${verdict.wrong}: ${verdict.reason}`);
  }
  const rows = await runtime.log("thinker", 0, 1_000);
  const replies = rows
    .flatMap(({ output }) => (JSON.parse(output ?? "{}") as TickOutput).replies ?? [])
    .map(({ payload }) => payload as string);
  const texts = [...witness.accepted].toSorted();
  const wanted = texts.map((text) => `done ${text}`);
  if (replies.toSorted().join() !== wanted.join()) broken.push(`replies: ${replies.join()}`);

  const noted = texts.filter((text) => roundsOf(text) === 2);
  const { notes = [] } = (await runtime.state("thinker")) as { notes?: string[] };
  if (notes.toSorted().join() !== noted.join()) broken.push(`notes: ${notes.join()}`);
  const children = items.filter(({ type }) => type === "child").map(({ name }) => name);
  const born = noted.map((text) => `child-${text}`);
  if (children.toSorted().join() !== born.join()) broken.push(`children: ${children.join()}`);
  for (const name of children) {
    const { got } = (await runtime.state(name)) as { got?: string[] };
    if (got?.join() !== name.slice(6)) broken.push(`${name} got ${got?.join()}`);
  }

  const { spent } = await runtime.status("thinker");
  const calls = texts.reduce((sum, text) => sum + roundsOf(text) + 1, 0);
  const each = USAGE.input + USAGE.output;
  const total = spent?.total.tokens ?? 0;
  // A life that ends forgets answers that no journal has; no answer is counted twice.
  const [least, most] = [calls * each, breaks ? Infinity : witness.answered * each];
  if (total < least || total > most) {
    broken.push(`${total} tokens, and not from ${least} to ${most}`);
  }

  await runtime.start();
  await runtime.tick("thinker");
  await runtime.stop(0);
  for (const name of CLIENTS) {
    const messages = (talks[name] ?? []) as readonly { role: string; content: string }[];
    // What waits in the middle is in the conversation once it goes on: other messages may be before it.
    const shape = messages.map(({ role, content }) => (role === "user" ? `\n${content}` : role));
    const whole = texts
      .filter((text) => text.startsWith(name))
      .map((text) =>
        [
          text,
          ...Array.from({ length: roundsOf(text) }, () => ["assistant", "tool"]).flat(),
          "assistant,",
        ].join(),
      );
    const parts = `${shape.join()},`.split("\n").slice(1).toSorted();
    if (parts.join() !== whole.join()) broken.push(`talk with ${name}: ${shape.join()}`);
  }
  return broken;
}
