import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent } from "../../src/index.ts";
import { HOUR, setting, START } from "./setting.ts";

const clerk = defineAgent({
  name: "clerk",
  async onMessage(ctx, message) {
    if (message.text === "peers") {
      for (let i = 0; i < 200; i += 1) {
        const key = i.toString(16).padStart(64, "0");
        await ctx.memory.peers.note(key, { name: `peer ${i}`, note: "x".repeat(9000) });
      }
      return;
    }
    ctx.schedule({ in: "1h" }, { for: "once" }, { id: "a" });
    ctx.schedule({ every: "2h" }, null, { id: "b" });
    ctx.schedule({ cron: "0 9 * * *", timeZone: "Europe/Berlin" }, "daily", { id: "c/d" });
  },
});

void test("alarms() gives each alarm as it is set, by id, page by page", async () => {
  const { runtime, tell } = await setting([clerk]);
  assert.deepEqual(await runtime.alarms("clerk", "", 9), []);
  await tell("clerk", "alarms");
  const all = await runtime.alarms("clerk", "", 9);
  assert.deepEqual(all.slice(0, 2), [
    { id: "a", at: START + HOUR, payload: { for: "once" } },
    { id: "b", at: START + 2 * HOUR, payload: null, every: 2 * HOUR },
  ]);
  const { id, cron, timeZone, payload } = all[2]!;
  assert.deepEqual([id, cron, timeZone, payload], ["c/d", "0 9 * * *", "Europe/Berlin", "daily"]);
  const first = await runtime.alarms("clerk", "", 2);
  assert.deepEqual(await runtime.alarms("clerk", first.at(-1)!.id, 2), all.slice(2));
  await assert.rejects(runtime.alarms("nobody", "", 9), { code: "NOT_FOUND" });
});

void test("files() gives what an agent remembers and nothing else, in pages bounded by their size", async () => {
  const { runtime, tell } = await setting([clerk]);
  assert.deepEqual(await runtime.files("clerk"), { items: [] });
  await tell("clerk", "peers");
  const seen: string[] = [];
  let pages = 0;
  for (let after: string | undefined; ;) {
    const { items, cursor } = await runtime.files("clerk", { after, limit: 1000 });
    pages += 1;
    assert.ok(items.reduce((sum, { value }) => sum + value.length, 0) <= 1_048_576);
    seen.push(...items.map(({ path }) => path));
    if (cursor === undefined) break;
    after = cursor;
  }
  assert.deepEqual([seen.length, pages, seen], [200, 2, seen.toSorted()]);
  const few = await runtime.files("clerk", { prefix: "memory/peers/", limit: 3 });
  assert.deepEqual(
    few.items.map(({ path }) => path),
    seen.slice(0, 3),
  );
  assert.equal(few.cursor, seen[2]);
  for (const prefix of ["", "state/", "memoryx", "../memory/"]) {
    await assert.rejects(runtime.files("clerk", { prefix }), { code: "INVALID" });
  }
});
