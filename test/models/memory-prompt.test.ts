import assert from "node:assert/strict";
import { test } from "node:test";
import { createRuntime, defineAgent, defineRuntime } from "../../src/index.ts";
import type { AgentOptions, Context } from "../../src/index.ts";
import { agentMemory } from "../../src/memory/index.ts";
import { memoryTools, modelThinker } from "../../src/models/index.ts";
import { scriptedModel } from "../../src/models/scripted.ts";
import type { Script } from "../../src/models/scripted.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { manualClock } from "../../src/testing/index.ts";
import { signer } from "../core/setting.ts";

/** An agent with a model, that is told things and asked by mail. */
async function setting(script: Script, options: Partial<AgentOptions> = {}) {
  const model = scriptedModel(script);
  const agent = defineAgent({ name: "a", model, instructions: "Be kind", ...options });
  const clock = manualClock(Date.UTC(2026, 10, 1));
  const runtime = createRuntime({
    definition: defineRuntime({ agents: [agent], ensure: [{ name: "a", type: "a" }] }),
    store: memoryStore(),
    signer,
    clock,
    memory: agentMemory,
    thinker: modelThinker({ clock }),
  });
  await runtime.start();
  await clock.advance(0);
  const say = async (payload: string, type?: "event"): Promise<void> => {
    await runtime.send("a", { payload, type });
    await clock.advance(0);
  };
  const system = (n: number): string => {
    const [first] = model.calls[n]!.options.prompt;
    assert.equal(first?.role, "system");
    return first.content;
  };
  return { model, runtime, say, system };
}

/** What an event has it learn and plan. */
const study = async (ctx: Context): Promise<void> => {
  await ctx.memory.patterns.learn({ text: "The user likes\n# green tea", confidence: 0.9 });
  await ctx.memory.patterns.learn({ text: "Trains to Rome are late" });
  await ctx.goals.add({ id: "g1", title: "Plan a trip", priority: 5, note: "to Rome" });
  await ctx.goals.add({ id: "g2", title: "Buy tea", priority: 9, parent: "g1", progress: 0.5 });
  await ctx.goals.add({ id: "g3", title: "Old one" });
  await ctx.goals.update("g3", { status: "done" });
};

void test("the model is told open goals and what was learned that has to do with the message, a line each", async () => {
  const { say, system } = await setting(() => "Yes", { onEvent: study });
  await say("Hello");
  assert.equal(system(0), "Be kind", "nothing is remembered yet");
  await say("study", "event");
  await say("Which tea shall I buy?");
  assert.equal(
    system(1),
    [
      "Be kind",
      "",
      "Your open goals:",
      "- Buy tea [g2, part of g1, 50% done]",
      "- Plan a trip [g1]: to Rome",
      "",
      "What you have learned that may matter here:",
      "- The user likes # green tea (90% sure)",
    ].join("\n"),
  );
});

void test("think.memory: false tells the model nothing of that", async () => {
  const { say, system } = await setting(() => "Yes", { onEvent: study, think: { memory: false } });
  await say("study", "event");
  await say("Which tea shall I buy?");
  assert.equal(system(0), "Be kind");
});

void test("memoryTools() has a model remember, recall and plan, with the tick's commit", async () => {
  const { say, model, runtime } = await setting(
    [
      {
        toolCalls: [
          { name: "remember", input: { text: "The user is called Ada" } },
          { name: "add_goal", input: { title: "Greet Ada", priority: 3 } },
        ],
      },
      "I will",
      {
        toolCalls: [
          { name: "recall", input: { words: "called" } },
          { name: "list_goals", input: {} },
        ],
      },
      "You are Ada",
    ],
    { tools: memoryTools() },
  );
  await say("I am Ada");
  await say("Who am I?");
  const tools = model.calls[3]!.options.prompt.findLast(({ role }) => role === "tool")!;
  const said = JSON.stringify(tools.content);
  assert.match(said, /The user is called Ada/);
  assert.match(said, /"title":"Greet Ada".*"priority":3/);
  const goals = await runtime.goals("a", "", 10);
  assert.deepEqual(
    goals.map(({ title, status }) => [title, status]),
    [["Greet Ada", "open"]],
  );
});
