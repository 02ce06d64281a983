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
