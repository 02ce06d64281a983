import assert from "node:assert/strict";
import { test } from "node:test";
import { createRuntime, defineAgent, defineRuntime } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { fakeSigner, manualClock } from "../../src/testing/index.ts";

const START = 1_700_000_000_000;

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
