import assert from "node:assert/strict";
import { test } from "node:test";
import { createRuntime, defineAgent, defineRuntime } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { fakeSigner } from "../../src/testing/index.ts";

void test("ask() gives each reply once when the tick ends while earlier ones are looked through", async () => {
  const disk = memoryStore();
  const gate = Promise.withResolvers<void>();
  const looked = Promise.withResolvers<void>();
  let slow = false;
  const store = new Proxy(disk, {
    get(target, name) {
      const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
      return async (...args: unknown[]) => {
        if (slow && name === "log") {
          looked.resolve();
          await gate.promise;
        }
        return method.apply(target, args);
      };
    },
  });
  const work = Promise.withResolvers<void>();
  const agent = defineAgent({
    name: "a",
    async onMessage(ctx) {
      await work.promise;
      await ctx.reply("done");
    },
  });
  const definition = defineRuntime({ agents: [agent], ensure: [{ name: "a", type: "a" }] });
  const runtime = createRuntime({ definition, store, signer: fakeSigner() });
  await runtime.start();
  await runtime.send("a", { payload: "x", id: "one" });
  slow = true;
  const again = runtime.ask("a", { payload: "x", id: "one" }, { timeout: 60_000 });
  await looked.promise;
  const ticked = new Promise<void>((resolve) => {
    runtime.watch(undefined, ({ record }) => record.trigger.id === "one" && resolve());
  });
  work.resolve();
  await ticked;
  gate.resolve();
  assert.deepEqual((await again).replies, ["done"]);
  await runtime.stop(0);
});

void test("ask() looks for what became of mail with few rows in memory where they are large", async () => {
  const disk = memoryStore();
  let most = 0;
  const store = new Proxy(disk, {
    get(target, name) {
      const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
      return async (...args: unknown[]) => {
        const result = await method.apply(target, args);
        if (name === "log") most = Math.max(most, JSON.stringify(result).length);
        return result;
      };
    },
  });
  const agent = defineAgent({
    name: "a",
    onMessage: (ctx, message) => ctx.reply(message.text === "small" ? "s" : "x".repeat(500_000)),
  });
  const definition = defineRuntime({ agents: [agent], ensure: [{ name: "a", type: "a" }] });
  const runtime = createRuntime({ definition, store, signer: fakeSigner() });
  await runtime.start();
  const options = { timeout: 60_000 };
  await runtime.ask("a", { payload: "small", id: "first" }, options);
  for (let i = 0; i < 20; i += 1) await runtime.ask("a", { payload: "large" }, options);
  most = 0;
  const again = await runtime.ask("a", { payload: "small", id: "first" }, options);
  assert.deepEqual([again.receipt, again.replies], ["duplicate", ["s"]]);
  assert.ok(most < 2_000_000, `${most} characters at once`);
  await runtime.stop(0);
});

void test("ask() says at once of mail that is a dead letter that it is one, asked again too", async () => {
  const gate = Promise.withResolvers<void>();
  const agent = defineAgent({
    name: "a",
    inbox: { depth: 1 },
    onMessage: () => gate.promise,
  });
  const definition = defineRuntime({ agents: [agent], ensure: [{ name: "a", type: "a" }] });
  const runtime = createRuntime({ definition, store: memoryStore(), signer: fakeSigner() });
  await runtime.start();
  await runtime.send("a", { payload: "x" });
  const options = { timeout: 3_600_000 };
  for (const receipt of ["dead-lettered", "duplicate"]) {
    const answer = await runtime.ask("a", { payload: "y", id: "second" }, options);
    assert.deepEqual([answer.receipt, answer.outcome], [receipt, "dead-lettered"]);
  }
  gate.resolve();
  await runtime.stop(0);
});
