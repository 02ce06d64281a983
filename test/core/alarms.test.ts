import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent } from "../../src/index.ts";
import type { AgentDefinition, Context } from "../../src/index.ts";
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
