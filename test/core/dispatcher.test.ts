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
