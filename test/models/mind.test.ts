import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { defineAgent } from "../../src/index.ts";
import type { AgentOptions, Context, Generated, TickRecord } from "../../src/index.ts";
import { defineTool, modelThinker } from "../../src/models/index.ts";
import { scriptedModel } from "../../src/models/scripted.ts";
import type { Script, ScriptedAsk, ScriptedReply } from "../../src/models/scripted.ts";
import { setting } from "../core/setting.ts";

/** Agents of which `a` has a model; what it replied so far. */
async function home(script: Script, options: Partial<AgentOptions> = {}) {
  const model = scriptedModel(script);
  const retry = { retries: 1, backoff: 1 };
  const a = defineAgent({ name: "a", model, retry, ...options });
  const b = defineAgent({ name: "b", onMessage: (ctx, { text }) => ctx.reply(`b: ${text}`) });
  const set = await setting([a, b], { thinker: modelThinker() });
  /** Lets all happen that is due; a call of a model takes turns of the process, and no time. */
  const settle = async (): Promise<TickRecord> => {
    for (let i = 0; i < 15; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await set.clock.advance(10);
    }
    return (await set.runtime.status("a")).lastTick!;
  };
  const replies = async (): Promise<unknown[]> => {
    const rows = await set.runtime.log("a", 0, 1000);
    return rows.flatMap(({ output }) => {
      const given = JSON.parse(output ?? "{}") as { replies?: { payload: unknown }[] };
      return (given.replies ?? []).map(({ payload }) => payload);
    });
  };
  const say = async (text: string): Promise<TickRecord> => {
    await set.runtime.send("a", { payload: text });
    return settle();
  };
  return { ...set, model, settle, replies, say };
}

/** Runs work in a tick of an agent with a model; what it gave or threw, and the record. */
async function inTick<T>(
  script: Script,
  work: (ctx: Context) => Promise<T>,
  options: Partial<AgentOptions> = {},
) {
  let given: T | undefined;
  const onMessage = async (ctx: Context): Promise<void> => {
    given = await work(ctx);
  };
  const set = await home(script, { onMessage, ...options });
  const record = await set.say("go");
  return { ...set, record, given: given as T };
}

const keysOf = ({ steps = [] }: TickRecord): string[] => steps.map(({ key }) => key);

const add = defineTool({
  description: "Adds",
  inputSchema: z.object({ a: z.number(), b: z.number() }),
  execute: ({ a, b }) => a + b,
});

/** Calls a tool first, and says then what it gave. */
const calls =
  (name: string, input: ScriptedAsk["n"] | object) =>
  ({ messages, last }: ScriptedAsk): ScriptedReply =>
    messages.some(({ role }) => role === "tool")
      ? { text: `It gave ${last}` }
      : { toolCalls: [{ name, input: input as never }] };

void test("an agent by definition answers mail and an operator's tick, and notes an alarm", async () => {
  let schedule = true;
  const { runtime, clock, say, settle, replies, model } = await home(({ last }) => `Re: ${last}`, {
    instructions(ctx) {
      if (schedule) ctx.schedule({ in: "1h" }, "Water the plants");
      schedule = false;
      return `You are ${ctx.agent.name}`;
    },
    think: { conversation: () => "all" },
  });
  await say("Hello");
  await runtime.tick("a");
  await clock.advance(3_600_000);
  const { trigger, outcome } = await settle();
  assert.deepEqual([trigger.type, outcome], ["alarm", "done"]);
  assert.deepEqual(await replies(), ["Re: Hello", "Re: [manual] tick"]);
  const { prompt } = model.calls.at(-1)!.options;
  assert.deepEqual(prompt[0], { role: "system", content: "You are a" });
  assert.deepEqual(prompt.at(-1)!.content, [{ type: "text", text: "[alarm] Water the plants" }]);
});

void test("a hook does its own work and has the model go on from there", async () => {
  const { say, replies } = await home(({ messages }) => `${messages.length} messages`, {
    async onMessage(ctx: Context) {
      const found = await ctx.step("look up", () => "42");
      const talk = ctx.memory.conversations.get(ctx.trigger.from);
      await talk.append({ role: "user", content: `Known: ${found}` });
      await ctx.think();
    },
  });
  assert.deepEqual(keysOf(await say("Hello")), ["step:look up#0", "step:model#0"]);
  assert.deepEqual(await replies(), ["2 messages"]);
});

void test("instructions have steps, and wait for others", async () => {
  let looked = 0;
  const { say, replies, model } = await home(() => "Fine", {
    async instructions(ctx) {
      const rules = await ctx.step("rules", () => `rules ${(looked += 1)}`);
      return `${rules}, ${JSON.stringify(await ctx.request("b", "who?"))}`;
    },
  });
  const record = await say("Hello");
  assert.equal(record.resumed, true);
  assert.deepEqual(model.calls[0]!.options.prompt[0]!.content, 'rules 1, "b: who?"');
  assert.deepEqual([await replies(), looked, model.calls.length], [["Fine"], 1, 1]);
});

void test("instructions that are no text are an error that says so", async () => {
  const { say, model } = await home(["Fine"], { instructions: () => undefined as never });
  const { error } = await say("Hello");
  assert.equal(
    error?.message,
    'Cannot think as "a": "instructions" must give text, and gave undefined',
  );
  assert.equal(model.calls.length, 0);
});

void test("the reply of an agent with an output is the value", async () => {
  const { say, replies, model } = await home(
    ["It rains", '```json\n{ "rain": "much" }\n```', '{ "rain": 3 }'],
    { think: { output: z.object({ rain: z.number() }) } },
  );
  await say("Oslo?");
  assert.deepEqual(await replies(), [{ rain: 3 }]);
  const asked = model.calls.map(({ options }) => options.prompt.at(-1)!.content);
  assert.match(JSON.stringify(asked[1]), /it is no JSON: .*Answer again, with JSON alone/);
  assert.match(JSON.stringify(asked[2]), /Your answer does not fit: .*rain/);
  assert.equal(model.calls[0]!.options.responseFormat?.type, "json");
});

void test("answers that do not fit the output end the tick: a replay of them would come to the same", async () => {
  const { say, runtime, model } = await home(() => "It rains", {
    think: { output: z.object({ rain: z.number() }) },
    retry: { retries: 3, backoff: 1 },
  });
  const { error, attempt } = await say("Oslo?");
  assert.equal(error?.code, "INVALID");
  assert.match(error.message, /^Cannot use the answer of the model: after 3 tries it does not fit/);
  assert.deepEqual([model.calls.length, attempt], [3, undefined]);
  assert.equal((await runtime.deadLetters("a", 0, 10)).length, 1);
});

void test("an agent with an output that comes to no end replies with no text in its place", async () => {
  const { say, replies } = await home(() => ({ toolCalls: [{ name: "add", input: {} }] }), {
    tools: { add },
    think: { output: z.object({}), maxSteps: 2 },
  });
  const { error } = await say("Add");
  assert.deepEqual([error?.code, await replies()], ["LIMIT", []]);
});

void test("ctx.model answers a text, and messages, with what it took", async () => {
  const { given, record, model } = await inTick(
    [
      { text: "Hi", usage: { input: 10, output: 2 } },
      { text: "Bye", usage: { input: 3, output: 1 } },
    ],
    async (ctx) => [
      await ctx.model.generate({ prompt: "Hello", system: "Be brief", temperature: 0.5 }),
      await ctx.model.generate({
        prompt: [
          { role: "user", content: "One" },
          { role: "assistant", content: "Two" },
          { role: "user", content: [{ type: "text", text: "Three" }] },
        ],
        name: "last words",
      }),
    ],
    {
      think: {
        prices: {
          scripted: { input: 1_000_000, output: 1_000_000, cacheRead: 0, cacheWrite: 0 },
        },
      },
    },
  );
  const [first, second] = given as [Generated, Generated];
  assert.deepEqual(first, {
    text: "Hi",
    output: undefined,
    finish: "stop",
    toolCalls: [],
    usage: { input: 10, output: 2, cacheRead: 0, cacheWrite: 0, reasoning: 0 },
    cost: 12,
    model: "scripted/scripted",
  });
  assert.deepEqual([second.text, second.cost], ["Bye", 4]);
  assert.deepEqual(keysOf(record), ["step:model#0", "step:last words#0"]);
  assert.equal(model.calls[0]!.options.temperature, 0.5);
  assert.deepEqual(
    model.calls[1]!.options.prompt.map(({ role }) => role),
    ["user", "assistant", "user"],
  );
});

void test("ctx.model uses the tools that it is given, or all", async () => {
  const one = await inTick(calls("add", { a: 1, b: 2 }), (ctx) =>
    ctx.model.generate({ prompt: "1 and 2?", tools: { add } }),
  );
  assert.deepEqual(
    [one.given.text, one.given.toolCalls],
    ["It gave 3", [{ name: "add", input: { a: 1, b: 2 }, output: 3 }]],
  );
  const keys = ["step:model#0", "step:tool:add#0", "step:model#1"];
  assert.deepEqual(keysOf(one.record), keys);
  const all = await inTick(
    calls("add", { a: 2, b: 2 }),
    (ctx) => ctx.model.generate({ prompt: "2 and 2?", tools: "all" }),
    { tools: { add } },
  );
  assert.equal(all.given.text, "It gave 4");
  const none = await inTick(["Four"], (ctx) => ctx.model.generate({ prompt: "2 and 2?" }), {
    tools: { add },
  });
  assert.equal(none.model.calls[0]!.options.tools, undefined);
});

void test("ctx.model gives an output, after answers that do not fit", async () => {
  const output = z.object({ kind: z.enum(["question", "praise"]) });
  const { given, model } = await inTick(["praise!", '{"kind":"praise"}'], async (ctx) => {
    const { output: value, usage } = await ctx.model.generate({ prompt: "Well done", output });
    const kind: "question" | "praise" = value.kind;
    return [kind, usage.output > 0];
  });
  assert.deepEqual([given, model.calls.length], [["praise", true], 2]);
});

void test("ctx.model stops at maxSteps, and has no output then", async () => {
  const endless = () => ({ toolCalls: [{ name: "add", input: { a: 1, b: 1 } }] });
  const { given, model } = await inTick(endless, (ctx) =>
    ctx.model.generate({ prompt: "Add", tools: { add }, maxSteps: 2 }),
  );
  assert.deepEqual(
    [given.finish, given.toolCalls.length, model.calls.length],
    ["tool-calls", 2, 2],
  );
  const codes = await inTick(endless, async (ctx) => {
    const output = z.object({});
    const requests = [
      { prompt: "Add", tools: { add }, maxSteps: 2, output },
      { prompt: "Add", maxSteps: 0 },
      { prompt: "" },
      { prompt: [] },
    ];
    const all = await Promise.allSettled(requests.map((one) => ctx.model.generate(one)));
    return all.map((one) => one.status === "rejected" && (one.reason as { code: string }).code);
  });
  assert.deepEqual(codes.given, ["LIMIT", "INVALID", "INVALID", "INVALID"]);
});

void test("ctx.model asks another model, and agents without one say what is missing", async () => {
  const other = scriptedModel(["From elsewhere"]);
  const { given } = await inTick(
    [],
    async (ctx) => {
      const { text } = await ctx.model.generate({ prompt: "Hi", model: other });
      const why = await ctx.model.generate({ prompt: "Hi" }).catch((error: Error) => error.message);
      return [text, why];
    },
    { model: undefined as never },
  );
  assert.deepEqual(given, [
    "From elsewhere",
    'Cannot think as "a": it has no model: give "model" to defineAgent()',
  ]);
});

void test("calls of ctx.model beside each other have steps of their own, and the same ones when the tick is tried again", async () => {
  let tries = 0;
  const { given, model, record } = await inTick(
    ({ last }) => `Re: ${last}`,
    async (ctx) => {
      const prompts = ["One", "Two", "Three"];
      const all = await Promise.all(prompts.map((prompt) => ctx.model.generate({ prompt })));
      tries += 1;
      if (tries === 1) throw new Error("once more");
      return all.map(({ text, usage }) => [text, usage.input > 0]);
    },
  );
  assert.deepEqual(given, [
    ["Re: One", true],
    ["Re: Two", true],
    ["Re: Three", true],
  ]);
  assert.deepEqual([tries, model.calls.length], [2, 3]);
  assert.deepEqual(
    record.steps!.map(({ key, replayed }) => [key, replayed]),
    [0, 1, 2].map((n) => [`step:model#${n}`, true]),
  );
});

void test("ctx.tools lists and calls what the agent has", async () => {
  const note = {
    category: "notes",
    risk: "low" as const,
    perform: (_: unknown, ctx: Context) => ctx.memory.kv.set("noted", true),
  };
  const broken = {
    readOnly: true,
    execute: () => {
      throw new Error("No paper left");
    },
  };
  const { given, record } = await inTick(
    [],
    async (ctx) => {
      const failure = async (name: string, input?: unknown) =>
        ctx.tools
          .call(name, input)
          .catch((error: { code: string; message: string }) => [
            error.code,
            error.message.split("\n")[0],
          ]);
      await ctx.tools.call("note");
      return {
        list: await ctx.tools.list(),
        sum: await ctx.tools.call("add", { a: 1, b: 2 }),
        noted: await ctx.memory.kv.get("noted"),
        failures: [
          await failure("fly"),
          await failure("add", { a: "one", b: 2 }),
          await failure("note", { left: 1 }),
          await failure("broken"),
        ],
      };
    },
    { tools: { add, note, broken } },
  );
  assert.deepEqual(
    given.list.map(({ name, description, category, risk, readOnly }) => [
      name,
      description,
      category,
      risk,
      readOnly,
    ]),
    [
      ["add", "Adds", undefined, undefined, false],
      ["note", undefined, "notes", "low", false],
      ["broken", undefined, undefined, undefined, true],
    ],
  );
  assert.deepEqual(given.list[0]!.inputSchema["required"], ["a", "b"]);
  assert.deepEqual([given.sum, given.noted], [3, true]);
  assert.deepEqual(
    given.failures.map((failure) => (failure as string[])[0]),
    ["NOT_FOUND", "INVALID", "INVALID", "FAILED"],
  );
  assert.match(JSON.stringify(given.failures), /there are: add, note, broken.*No paper left/);
  assert.deepEqual(keysOf(record), ["step:tool:add#0", "step:tool:broken#0"]);
});

void test("a tick that is cut off in the middle of tools that run beside each other does what is left when it is tried again", async () => {
  const ran: string[] = [];
  let hangs = true;
  let aborted = false;
  const look = {
    readOnly: true,
    parameters: { type: "object", properties: { at: { type: "string" } } },
    async execute({ at }: { at: string }, { signal }: { signal: AbortSignal }) {
      ran.push(at);
      if (at !== "sea" || !hangs) return `${at} is blue`;
      signal.addEventListener("abort", () => (aborted = true));
      return new Promise<never>(() => undefined);
    },
  };
  const { clock, say, settle, replies, model } = await home(
    ({ messages, last }) =>
      messages.some(({ role }) => role === "tool")
        ? last
        : { toolCalls: ["sky", "sea", "ice"].map((at) => ({ name: "look", input: { at } })) },
    { tools: { look }, timeout: "1m" },
  );
  await say("Look");
  hangs = false;
  await clock.advance(60_000);
  await settle();
  assert.equal(aborted, true);
  assert.deepEqual(ran, ["sky", "sea", "ice", "sea"]);
  assert.deepEqual(await replies(), ["sky is blue\nsea is blue\nice is blue"]);
  assert.equal(model.calls.length, 2);
});
