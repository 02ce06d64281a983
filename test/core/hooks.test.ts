import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent } from "../../src/index.ts";
import type { Context } from "../../src/index.ts";
import { HOUR, setting } from "./setting.ts";

void test("a name that the record cannot carry fails the tick, and the agent goes on", async () => {
  const bad = "\ud800";
  const uses: Readonly<Record<string, (ctx: Context) => unknown>> = {
    step: (ctx) => ctx.step(bad, () => 1),
    event: (ctx) => ctx.broadcast(bad),
    "no text": (ctx) => ctx.broadcast(1n as unknown as string),
    alarm: (ctx) => ctx.schedule({ in: 1 }, null, { id: bad }),
    cancel: (ctx) => ctx.cancel(""),
    long: (ctx) => ctx.step("x".repeat(501), () => 1),
    state: (ctx) => void (ctx.state[bad] = 1),
  };
  const agent = defineAgent({
    name: "a",
    retry: { retries: 0 },
    onMessage: (ctx, m) => uses[m.text]?.(ctx),
  });
  const { runtime, clock, tell } = await setting([agent]);
  for (const use of Object.keys(uses).filter((name) => name !== "state")) {
    const record = await tell("a", use);
    assert.equal(record.outcome, "failed", use);
    assert.match(record.error?.message ?? "", /^Cannot name (a step|an event|an alarm) /, use);
    assert.equal((await tell("a", "nothing")).outcome, "done");
  }
  assert.equal((await tell("a", "state")).error?.code, "STATE");
  await clock.advance(HOUR);
  assert.equal((await tell("a", "nothing")).outcome, "done");
  await runtime.stop();
});

void test("what onWake did in a tick that was parked or failed is done again, and its steps are apart", async () => {
  const ran: string[] = [];
  const worker = defineAgent({
    name: "worker",
    state: { awake: "", got: [] as string[] },
    retry: { retries: 1 },
    async onWake(ctx) {
      ctx.state.awake = await ctx.step("read", () => `wake ${ran.push("wake")}`);
    },
    async onMessage(ctx, { text }) {
      ctx.state.got.push(await ctx.step("read", () => `work ${ran.push("work")}`));
      if (text === "sleep") await ctx.sleep("1h");
      if (text === "fail") throw new Error("told to");
    },
  });
  const cases = [
    ["sleep", [], { awake: "wake 1", got: ["work 2"] }],
    ["sleep", ["other"], { awake: "wake 3", got: ["work 4", "work 2"] }],
    ["fail", ["other"], { awake: "wake 3", got: ["work 4"] }],
  ] as const;
  for (const [text, others, expected] of cases) {
    ran.length = 0;
    const { runtime, clock, tell } = await setting([worker]);
    await runtime.hibernate("worker");
    await tell("worker", text);
    if (text === "fail") await clock.advance(HOUR);
    for (const other of others) await tell("worker", other);
    await clock.advance(HOUR);
    assert.deepEqual(await runtime.state("worker"), expected, text);
    await runtime.stop();
  }
});

void test("a request from outside that is not replied to leaves no mail behind", async () => {
  const agent = defineAgent({
    name: "a",
    retry: { retries: 0 },
    onMessage(_ctx, { text }) {
      if (text === "fail") throw new Error("told to");
    },
  });
  const { runtime, clock, store } = await setting([agent]);
  await runtime.send("a", { payload: "quiet", type: "request" });
  await runtime.send("a", { payload: "fail", type: "request" });
  await clock.advance(0);
  const dead = await runtime.deadLetters("a", 0, 10);
  assert.deepEqual(
    dead.map(({ envelope }) => envelope.payload),
    ["fail"],
  );
  assert.deepEqual(await store.outbox(0, 10), []);
  await runtime.stop();
});

void test("a reply to an alarm is an error, and no mail to itself", async () => {
  const agent = defineAgent({
    name: "a",
    retry: { retries: 0 },
    onMessage: (ctx) => void ctx.schedule({ in: 1 }),
    onAlarm: (ctx) => ctx.reply("to whom?"),
  });
  const { runtime, clock, tell } = await setting([agent]);
  await tell("a", "go");
  await clock.advance(1);
  assert.equal((await runtime.status("a")).lastTick?.error?.code, "INVALID");
  await runtime.stop();
});
