import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent } from "../../src/index.ts";
import type { AgentDefinition } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { manualClock } from "../../src/testing/index.ts";
import { HOUR, setting, START } from "./setting.ts";

/** An agent that calls `cut` in the middle of a message, in a step or not. */
function victim(cut: () => void, inStep: boolean): AgentDefinition {
  return defineAgent({
    name: "a",
    async onMessage(ctx) {
      if (inStep) await ctx.step("cut", cut);
      else cut();
    },
  });
}

void test("mail is durable before the work of a step begins, also when nobody waited for it to be", async () => {
  const store = memoryStore();
  const cuts: string[] = [];
  const cut = (): void => {
    if (cuts.length === 0) store.crash();
    cuts.push("cut");
  };
  const { clock, runtime } = await setting([victim(cut, true)], { store });
  const { id } = await runtime.get("a");
  // What was there when the runtime began may have killed the one before: that is made durable anyway.
  await clock.advance(1);
  const asked = runtime.ask("a", { payload: "x", id: "x" }, { timeout: 1 });
  while (cuts.length === 0) await clock.advance(0);
  const [row] = await store.mail(id, { box: "inbox", limit: 9 });
  assert.equal(row?.envelope.id, "x");
  const stopped = runtime.stop(0);
  await clock.advance(HOUR);
  await Promise.allSettled([asked, stopped]);
});

void test("for a while after a crash, mail is durable before it is acted on at all", async () => {
  const store = memoryStore();
  const cuts: string[] = [];
  const cut = (): void => {
    store.crash();
    cuts.push("cut");
  };
  const agent = victim(cut, false);
  const first = await setting([agent], { store });
  const { id } = await first.runtime.get("a");
  store.crash();
  const clock = manualClock(START + 1);
  const { runtime } = await setting([agent], { store, clock });
  await clock.advance(1000);
  const asked = runtime.ask("a", { payload: "x", id: "x" }, { timeout: 1 });
  while (cuts.length === 0) await clock.advance(0);
  const [row] = await store.mail(id, { box: "inbox", limit: 9 });
  assert.equal(row?.envelope.id, "x");
  const stopped = runtime.stop(0);
  await clock.advance(HOUR);
  await Promise.allSettled([asked, stopped]);
});

void test("triggers that a process died over run one at a time, so that the next death has one to blame", async () => {
  let hang = true;
  let running = 0;
  let most = 0;
  let clock = manualClock(START);
  const agent = (name: string): AgentDefinition =>
    defineAgent({
      name,
      state: { done: 0 },
      async onMessage(ctx) {
        running += 1;
        most = Math.max(most, running);
        if (hang) await new Promise(() => undefined);
        await new Promise<void>((resolve) => void clock.after(5000, resolve));
        running -= 1;
        ctx.state.done += 1;
      },
    });
  const agents = ["a", "b", "c"].map(agent);
  const store = memoryStore();
  const first = await setting(agents, { store, clock });
  for (const { name } of agents) await first.runtime.send(name, { payload: "x" });
  store.crash();
  // Of the ones that were not counted before, each may be what killed it: they are counted here.
  clock = manualClock(START + 1);
  await setting(agents, { store, clock });
  await clock.advance(0);
  store.crash();
  hang = false;
  running = 0;
  most = 0;
  clock = manualClock(START + 2);
  const { runtime } = await setting(agents, { store, clock });
  await clock.advance(60_000);
  assert.equal(most, 1);
  for (const { name } of agents) assert.deepEqual(await runtime.state(name), { done: 1 });
});
