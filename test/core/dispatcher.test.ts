import assert from "node:assert/strict";
import { test } from "node:test";
import { createRuntime, defineAgent, defineRuntime } from "../../src/index.ts";
import type { AgentDefinition } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { fakeSigner, manualClock } from "../../src/testing/index.ts";
import { HOUR, setting, START } from "./setting.ts";

void test("mail that waits at the start is all processed though many timers fall due meanwhile", async () => {
  const clock = manualClock(START);
  const count = 1200;
  const due = START + 1000;
  const mailed = defineAgent({
    name: "mailed",
    state: { got: 0 },
    async onMessage(ctx) {
      await new Promise<void>((resolve) => void clock.after(500, resolve));
      ctx.state.got += 1;
    },
  });
  const timed = defineAgent({
    name: "timed",
    state: { fired: 0 },
    onCreate: (ctx) => void ctx.schedule({ at: due }),
    onAlarm: (ctx) => void (ctx.state.fired += 1),
  });
  const definition = defineRuntime({ agents: [mailed, timed], limits: { concurrency: 400 } });
  const store = memoryStore();
  const make = (): ReturnType<typeof createRuntime> =>
    createRuntime({ definition, store, signer: fakeSigner(), clock });
  const first = make();
  await first.start();
  for (const type of ["timed", "mailed"]) {
    for (let i = 0; i < count; i += 1) await first.create({ name: `${type}-${i}`, type });
  }
  await clock.advance(0);
  for (let i = 0; i < count; i += 1) {
    const { id } = (await store.get(`mailed-${i}`))!;
    const envelope = { id: "x", sentAt: START, source: "api", from: "operator", to: id } as const;
    const inbox = { depth: 9, overflow: "reject-new" } as const;
    const letter = { ...envelope, type: "message", payload: "x" } as const;
    await store.deliver([{ envelope: letter, inbox, at: START }]);
  }
  await store.sync();
  store.crash();
  await make().start();
  await clock.advance(60_000);
  let [got, fired] = [0, 0];
  for (let i = 0; i < count; i += 1) {
    const [mail, timer] = ["mailed", "timed"].map((type) => store.get(`${type}-${i}`));
    const state = async (id: string, key: string): Promise<number> =>
      Number((await store.read(id, [`state/${key}`]))[0]);
    got += await state((await mail!)!.id, "got");
    fired += await state((await timer!)!.id, "fired");
  }
  assert.deepEqual([got, fired], [count, count]);
});

for (const call of ["waiting", "release"] as const) {
  void test(`an alarm that comes due while its agent is in "${call}" at the end of its turn is not missed`, async () => {
    const clock = manualClock(START);
    const disk = memoryStore();
    // Holds the call up that an agent makes when it finds nothing more to do, once.
    let armed = false;
    const reached = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const store = new Proxy(disk, {
      get(target, name) {
        const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
        return async (...args: unknown[]) => {
          const last = name === call && (call === "release" || (await disk.depth(id)) === 0);
          if (armed && last) {
            armed = false;
            reached.resolve();
            await gate.promise;
          }
          return method.apply(target, args);
        };
      },
    });
    const agent = defineAgent({
      name: "a",
      state: { fired: 0 },
      onMessage: (ctx) => void ctx.schedule({ in: "1m" }),
      onAlarm: (ctx) => void (ctx.state.fired += 1),
    });
    const definition = defineRuntime({ agents: [agent] });
    const runtime = createRuntime({ definition, store, signer: fakeSigner(), clock });
    await runtime.start();
    const { id } = await runtime.create({ name: "a", type: "a" });
    await clock.advance(0);
    await runtime.send("a", { payload: "set it" });
    await clock.advance(0);
    await clock.advance(59_999);
    armed = true;
    await runtime.send("a", { payload: "and again" });
    await reached.promise;
    // The clock passes over the agent, as its turn is not over.
    await clock.advance(1);
    gate.resolve();
    await clock.advance(0);
    assert.deepEqual(await runtime.state("a"), { fired: 1 });
    await runtime.stop(0);
  });
}

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
