import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent, OpenAgentsError } from "../../src/index.ts";
import type { AgentOptions } from "../../src/core/definition.ts";
import { paths } from "../../src/core/tree.ts";
import { HOUR, setting } from "./setting.ts";

/** Does what it is told, and can be stopped at it. */
const options: AgentOptions<{ done: string[]; answers: unknown[] }> = {
  name: "worker",
  state: { done: [], answers: [] },
  retry: { retries: 3, backoff: "1h", quarantineAfter: 1 },
  timeout: "1h",
  async onMessage(ctx, message) {
    const text = message.text;
    if (text === "hang") {
      await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
      ctx.log.info("never said");
    }
    if (text === "bell") ctx.schedule({ in: "1s" }, null, { id: "bell" });
    if (text === "fail") throw new Error("told to");
    if (text === "sleep") await ctx.sleep("2h");
    if (text.startsWith("ask "))
      ctx.state.answers.push(
        await ctx.request(text.slice(4), "hang").catch((error: { code: string }) => error.code),
      );
    ctx.state.done.push(text);
  },
  onAlarm() {
    throw new Error("told to");
  },
  onError: (ctx) => void ctx.state.done.push("onError"),
};
const worker = defineAgent(options);
const other = defineAgent({ ...options, name: "other" });

const CANCELLED = { code: "CANCELLED", message: "CANCELLED by an operator" };

void test("cancel() cuts the tick that runs, aborts its signal, and nobody is blamed", async () => {
  const { runtime, clock } = await setting([worker]);
  assert.deepEqual(await runtime.cancel("worker"), { cancelled: undefined });
  const asked = runtime.ask("worker", { payload: "hang", id: "m" }, { timeout: HOUR });
  await clock.advance(0);
  assert.deepEqual(await runtime.cancel("worker"), { cancelled: "m" });
  assert.deepEqual((await asked).error, CANCELLED);
  const { lastTick, status } = await runtime.status("worker");
  assert.deepEqual([lastTick?.outcome, lastTick?.error, status], ["failed", CANCELLED, "active"]);
  const [dead] = await runtime.deadLetters("worker", 0, 9);
  assert.deepEqual([dead?.envelope.id, dead?.reason], ["m", CANCELLED.message]);
  assert.deepEqual((await runtime.state("worker"))["done"], []);
  assert.equal((await runtime.verify("worker")).ok, true);
  // It can be done after all.
  await runtime.replay("worker", "m");
  await clock.advance(0);
  assert.deepEqual(await runtime.cancel("worker", { trigger: "m" }), { cancelled: "m" });
});

void test("cancel() finds what waits: behind another one, to be tried again, parked", async () => {
  const { runtime, clock, store } = await setting([worker, other]);
  const send = (payload: string, id: string, from = id): Promise<unknown> =>
    runtime.send("worker", { payload, id, from });
  await send("fail", "failed");
  await send("sleep", "asleep");
  await send("ask other", "asking");
  await clock.advance(0);
  await send("hang", "running");
  await send("next", "behind", "running");
  await clock.advance(0);
  const { id } = await runtime.get("worker");
  for (const trigger of ["failed", "asleep", "asking"]) {
    // The one that runs is not disturbed, so they wait for it to end.
    void runtime.cancel("worker", { trigger });
  }
  assert.deepEqual(await runtime.cancel("worker", { trigger: "running" }), {
    cancelled: "running",
  });
  assert.notEqual((await runtime.cancel("other")).cancelled, undefined);
  await clock.advance(0);
  const dead = await runtime.deadLetters("worker", 0, 9);
  assert.deepEqual(
    dead
      // The other one's answer came too late.
      .filter(({ envelope }) => envelope.type !== "response")
      .map(({ envelope }) => envelope.id)
      .toSorted(),
    ["asking", "asleep", "failed", "running"],
  );
  assert.deepEqual((await runtime.state("worker"))["done"], ["next"]);
  const report = await runtime.status("worker");
  assert.deepEqual([report.parked, report.queued, report.status], [[], 0, "active"]);
  for (const prefix of [paths.parkeds, "waits/"])
    assert.deepEqual(await store.files(id, { prefix, limit: 9 }), []);
  assert.equal((await runtime.verify("worker")).ok, true);
  await runtime.replay("worker", "asleep");
  await clock.advance(3 * HOUR);
  assert.ok(((await runtime.state("worker"))["done"] as string[]).includes("sleep"));
});

void test("cancel() takes back an alarm's firing that is to be tried again", async () => {
  const { runtime, clock, tell } = await setting([worker]);
  await tell("worker", "bell");
  await clock.advance(1000);
  const [firing] = (await runtime.status("worker")).parked;
  assert.match(firing!, /^alarm:bell:/);
  assert.deepEqual(await runtime.cancel("worker", { trigger: firing! }), { cancelled: firing });
  assert.deepEqual((await runtime.status("worker")).parked, []);
  await clock.advance(9 * HOUR);
  assert.equal((await runtime.status("worker")).status, "active");
});

void test("cancel() tells an agent that asked that its request came to nothing", async () => {
  const { runtime, clock } = await setting([worker, other]);
  await runtime.send("worker", { payload: "ask other", id: "asking" });
  await clock.advance(0);
  assert.notEqual((await runtime.cancel("other")).cancelled, undefined);
  await clock.advance(0);
  assert.deepEqual((await runtime.state("worker"))["answers"], ["REMOTE"]);
});

void test("cancel() refuses what is not there, what is over, and a command that waits", async () => {
  const { runtime, clock, tell } = await setting([worker]);
  await tell("worker", "done", "over");
  for (const trigger of ["over", "nothing"]) {
    await assert.rejects(runtime.cancel("worker", { trigger }), { code: "NOT_FOUND" });
  }
  await assert.rejects(runtime.cancel("nobody"), { code: "NOT_FOUND" });
  await runtime.send("worker", { payload: "hang" });
  await clock.advance(0);
  const command = runtime.hibernate("worker");
  await clock.advance(0);
  const [waits] = (await runtime.inbox("worker", 0, 9)).filter(
    ({ envelope }) => envelope.type === "control",
  );
  const refused = runtime.cancel("worker", { trigger: waits!.envelope.id });
  const seen = assert.rejects(refused, { code: "INVALID" });
  await runtime.cancel("worker");
  await seen;
  await command;
});

void test("what is cancelled while an agent is paused is on its record, and it stays paused", async () => {
  const { runtime, clock, tell } = await setting([worker]);
  await tell("worker", "first");
  await runtime.pause("worker");
  await runtime.send("worker", { payload: "bad", id: "bad" });
  await runtime.send("worker", { payload: "good", id: "good" });
  const before = (await runtime.status("worker")).ticks;
  assert.deepEqual(await runtime.cancel("worker", { trigger: "bad" }), { cancelled: "bad" });
  await clock.advance(HOUR);
  const paused = await runtime.status("worker");
  assert.deepEqual([paused.ticks, paused.status, paused.queued], [before + 1, "paused", 1]);
  await runtime.resume("worker");
  await clock.advance(0);
  const done = (await runtime.state("worker"))["done"] as string[];
  assert.deepEqual([done.includes("good"), done.includes("bad")], [true, false]);
  assert.equal((await runtime.verify("worker")).ok, true);
});

void test("what waited behind a trigger that was cancelled is done, also when the store fails before that is told", async () => {
  const { runtime, clock, store, tell } = await setting([worker]);
  await tell("worker", "fail", "first");
  await tell("worker", "next");
  const release = store.release.bind(store);
  store.release = async () => {
    store.release = release;
    // The change is durable by now.
    store.crash();
    throw new OpenAgentsError("STORE", "The disk refused");
  };
  await assert.rejects(runtime.cancel("worker", { trigger: "first" }), { code: "STORE" });
  const [dead] = await runtime.deadLetters("worker", 0, 9);
  assert.deepEqual([dead?.envelope.id, dead?.reason], ["first", CANCELLED.message]);
  await clock.advance(1000);
  assert.deepEqual((await runtime.state("worker"))["done"], ["next"]);
});

void test("a trigger whose cancel() was refused is not cut off when it runs later in the same turn", async () => {
  const gate = Promise.withResolvers<void>();
  const slow = defineAgent({
    name: "slow",
    state: { done: [] as string[] },
    async onMessage(ctx, message) {
      if (message.text === "gate") await gate.promise;
      ctx.state.done.push(message.text);
    },
  });
  const { runtime, clock, store } = await setting([slow]);
  await runtime.send("slow", { payload: "gate" });
  await runtime.send("slow", { payload: "behind", id: "behind" });
  await clock.advance(0);
  const mail = store.mail.bind(store);
  store.mail = async () => {
    store.mail = mail;
    throw new OpenAgentsError("STORE", "The disk refused");
  };
  await assert.rejects(runtime.cancel("slow", { trigger: "behind" }), { code: "STORE" });
  gate.resolve();
  await clock.advance(0);
  assert.deepEqual((await runtime.state("slow"))["done"], ["gate", "behind"]);
});
