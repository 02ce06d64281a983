import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent } from "../../src/index.ts";
import type { AgentDefinition, Context } from "../../src/index.ts";
import { firingsOf } from "../../src/core/alarms.ts";
import { paths } from "../../src/core/tree.ts";
import { setting } from "./setting.ts";

/** Sets the same alarm, for a time that has passed, with each message. */
function flusher(onAlarm: (ctx: Context, text: string) => Promise<void>): AgentDefinition {
  return defineAgent({
    name: "flusher",
    state: { did: [] as string[] },
    retry: { retries: 1, backoff: "10s" },
    onMessage: (ctx, message) => void ctx.schedule({ at: 0 }, message.text, { id: "flush" }),
    onAlarm: (ctx, alarm) => onAlarm(ctx, alarm.text),
  });
}

void test("an alarm that is set anew for the same time while the first one waits is another one", async () => {
  const worked: string[] = [];
  const agent = flusher(async (ctx, text) => {
    await ctx.step("work", () => worked.push(text));
    await ctx.sleep("10s");
    (ctx.state["did"] as string[]).push(text);
  });
  const { runtime, clock, tell } = await setting([agent]);
  await tell("flusher", "one");
  await clock.advance(1000);
  await tell("flusher", "two");
  await clock.advance(60_000);
  assert.deepEqual(worked, ["one", "two"]);
  assert.deepEqual(await runtime.state("flusher"), { did: ["one", "two"] });
  const { ticks, parked, alarms } = await runtime.status("flusher");
  assert.deepEqual([ticks, parked, alarms], [7, [], []]);
  assert.equal((await runtime.verify("flusher")).ok, true);
});

void test("an alarm that is set anew while the first one is to be tried again is another one", async () => {
  let failed = false;
  const agent = flusher(async (ctx, text) => {
    if (text === "one" && !failed) {
      failed = true;
      throw new Error("not yet");
    }
    (ctx.state["did"] as string[]).push(text);
  });
  const { runtime, clock, tell } = await setting([agent]);
  await tell("flusher", "one");
  await clock.advance(1000);
  await tell("flusher", "two");
  await clock.advance(60_000);
  assert.deepEqual(await runtime.state("flusher"), { did: ["two", "one"] });
});

/** Sets alarms that fail until they are mended, and takes them back. */
function failing(ids: readonly string[], onAlarm: (ctx: Context, id: string) => unknown) {
  return defineAgent({
    name: "failing",
    retry: { retries: 5, backoff: "10s" },
    async onMessage(ctx, message) {
      const [verb, id = ""] = message.text.split(" ");
      if (verb === "wait") await ctx.sleep("1h");
      if (verb === "set") for (const one of ids) ctx.schedule({ every: "1h" }, null, { id: one });
      if (verb === "cancel" || verb === "renew") ctx.cancel(decodeURIComponent(id));
      if (verb === "renew") ctx.schedule({ in: "2h" }, null, { id });
    },
    onAlarm: (ctx, alarm) => onAlarm(ctx, alarm.alarmId) as Promise<void>,
  });
}

void test("cancel() takes back an alarm that is being tried again, and no other one", async () => {
  const ids = ["z", "zz", "z:1", "é b"];
  const tried: string[] = [];
  const agent = failing(ids, async (ctx, id) => {
    await ctx.step("work", () => id);
    tried.push(id);
    throw new Error("no");
  });
  for (const id of ids) {
    const { runtime, clock, store, tell } = await setting([agent]);
    await tell("failing", "set");
    await clock.advance(3_600_000);
    assert.equal((await runtime.status("failing")).parked.length, 4);
    await tell("failing", `cancel ${encodeURIComponent(id)}`);
    const { parked, alarms } = await runtime.status("failing");
    assert.deepEqual([parked.length, alarms.map((alarm) => alarm.id).includes(id)], [3, false]);
    tried.length = 0;
    await clock.advance(60_000);
    assert.deepEqual([...new Set(tried)].sort(), ids.filter((other) => other !== id).sort());
    const files = await store.files((await runtime.get("failing")).id, { prefix: "", limit: 99 });
    const begins = [paths.parked(firingsOf(id)), paths.journal(firingsOf(id)).slice(0, -1)];
    const left = files.filter(({ path }) => begins.some((begin) => path.startsWith(begin)));
    assert.deepEqual(left, []);
    assert.equal((await runtime.verify("failing")).ok, true);
  }
});

void test("cancel() makes room for other ticks to be parked", async () => {
  const agent = failing(["z"], () => {
    throw new Error("no");
  });
  const { runtime, clock, tell } = await setting([agent], { limits: { parked: 2 } });
  await tell("failing", "set");
  await clock.advance(3_600_000);
  await tell("failing", "cancel z");
  for (const text of ["wait 1", "wait 2", "wait 3"]) await tell("failing", text);
  const { parked, queued } = await runtime.status("failing");
  assert.deepEqual([parked.length, queued], [2, 1]);
});

void test("cancel() takes back what is being tried again also when the alarm is set anew after it", async () => {
  let tried = 0;
  const agent = failing(["z"], () => {
    tried += 1;
    throw new Error("no");
  });
  const { runtime, clock, tell } = await setting([agent]);
  await tell("failing", "set");
  await clock.advance(3_600_000);
  await tell("failing", "renew z");
  await clock.advance(3_600_000);
  const { parked, alarms } = await runtime.status("failing");
  assert.deepEqual([tried, parked, alarms.length], [1, [], 1]);
});

void test("cancel() leaves a tick that an alarm has begun and that waits, and the tick that calls it", async () => {
  const did: string[] = [];
  const agent = failing(["z"], async (ctx) => {
    await ctx.sleep("10m");
    ctx.cancel("z");
    did.push("woke");
    if (did.length < 2) throw new Error("once more");
  });
  const { runtime, clock, tell } = await setting([agent]);
  await tell("failing", "set");
  await clock.advance(3_600_000);
  await tell("failing", "cancel z");
  await clock.advance(3_600_000);
  assert.deepEqual(did, ["woke", "woke"]);
  const { parked, alarms } = await runtime.status("failing");
  assert.deepEqual([parked, alarms], [[], []]);
});
