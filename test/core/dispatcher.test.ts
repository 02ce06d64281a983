import assert from "node:assert/strict";
import { test } from "node:test";
import { createRuntime, defineAgent, defineRuntime } from "../../src/index.ts";
import type { AgentDefinition } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { fakeSigner, manualClock } from "../../src/testing/index.ts";
import { HOUR, setting, START } from "./setting.ts";

void test("an agent with much mail lets the others have their turn in between", async () => {
  const order: string[] = [];
  const agent = (name: string): AgentDefinition =>
    defineAgent({ name, onMessage: () => void order.push(name) });
  const agents = [agent("busy"), agent("other")];
  const clock = manualClock(START);
  const definition = defineRuntime({ agents, limits: { concurrency: 1 } });
  const ports = { definition, store: memoryStore(), signer: fakeSigner(), clock };
  const before = createRuntime(ports);
  for (const { name } of agents) await before.create({ name, type: name });
  for (let i = 0; i < 100; i += 1) await before.send("busy", { payload: i });
  await before.send("other", { payload: "x" });
  const runtime = createRuntime(ports);
  await runtime.start();
  while (order.length < 101) await clock.advance(1);
  assert.ok(order.indexOf("other") <= 16, `after ${order.indexOf("other")}`);
  assert.equal(order.at(-1), "busy");
  await runtime.stop();
});

void test("the claim on an agent is good for as long as its tick runs", async () => {
  const clock = manualClock(START);
  const agent = defineAgent({
    name: "slow",
    timeout: "1h",
    state: { done: 0 },
    async onMessage(ctx) {
      await new Promise<void>((resolve) => void clock.after(HOUR / 2, resolve));
      ctx.state.done += 1;
    },
  });
  const { runtime, store } = await setting([agent], { clock });
  const { id } = await runtime.get("slow");
  await runtime.send("slow", { payload: "x" });
  for (let i = 0; i < 10; i += 1) {
    await clock.advance(100_000);
    assert.equal(await store.claim(id, clock.now(), clock.now() + 1), undefined, `look ${i}`);
  }
  await clock.advance(HOUR);
  assert.deepEqual(await runtime.state("slow"), { done: 1 });
});
