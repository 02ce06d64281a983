import assert from "node:assert/strict";
import { test } from "node:test";
import { createRuntime, defineAgent, defineRuntime } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { fakeSigner, manualClock } from "../../src/testing/index.ts";
import { START } from "./setting.ts";

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
