import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent, OpenAgentsError } from "../../src/index.ts";
import type { AgentOptions, Context } from "../../src/index.ts";
import { HOUR, setting } from "./setting.ts";

const gates: (() => void)[] = [];
const clerk = defineAgent({
  name: "clerk",
  state: { got: [] as string[] },
  retry: { retries: 3, backoff: "10m" },
  timeout: "10h",
  async onMessage(ctx, message) {
    if (message.text === "gate") await new Promise<void>((resolve) => gates.push(resolve));
    if (message.text === "alarm") ctx.schedule({ in: "30m" });
    if (message.text === "sleep") await ctx.sleep("30m");
    if (message.text === "fail" && message.id === "f") throw new Error("once more");
    ctx.state.got.push(message.text);
  },
  onAlarm: (ctx) => void ctx.state.got.push("rang"),
  onTerminate: (ctx) => void ctx.state.got.push("end"),
});
const got = async (runtime: { state(ref: string): Promise<object> }): Promise<unknown> =>
  ((await runtime.state("clerk")) as { got: string[] }).got;

void test("pause() lets the tick that runs end, then mail, alarms and sleeps wait until resume()", async () => {
  const { runtime, clock, store, tell } = await setting([clerk]);
  for (const text of ["alarm", "sleep"]) await tell("clerk", text);
  await runtime.send("clerk", { payload: "gate" });
  await runtime.send("clerk", { payload: "later" });
  await clock.advance(0);
  let paused = false;
  const pausing = runtime.pause("clerk").then(() => (paused = true));
  await clock.advance(1000);
  assert.equal(paused, false);
  gates.pop()!();
  await pausing;
  assert.deepEqual(await got(runtime), ["alarm", "gate"]);
  assert.equal((await runtime.pause("clerk")).status, "paused");
  const { ticks } = await runtime.status("clerk");
  assert.equal((await runtime.send("clerk", { payload: "more" })).receipt, "accepted");
  await clock.advance(2 * HOUR);
  const report = await runtime.status("clerk");
  assert.deepEqual([report.ticks, report.queued, report.status], [ticks, 2, "paused"]);
  store.crash();
  assert.equal((await runtime.get("clerk")).status, "paused");
  assert.equal((await runtime.resume("clerk")).status, "dormant");
  await clock.advance(0);
  const all = ((await got(runtime)) as string[]).toSorted();
  assert.deepEqual(all, ["alarm", "gate", "later", "more", "rang", "sleep"]);
  assert.equal((await runtime.resume("clerk")).status, "active");
});

void test("an alarm that is not due yet when its agent is resumed comes in its time", async () => {
  const { runtime, clock, tell } = await setting([clerk]);
  await tell("clerk", "alarm");
  await runtime.pause("clerk");
  await clock.advance(60_000);
  await runtime.resume("clerk");
  await clock.advance(HOUR / 2);
  assert.deepEqual(await got(runtime), ["alarm", "rang"]);
});

void test("commands to a paused agent are refused at once, and those that wait are told", async () => {
  const { runtime, clock } = await setting([clerk]);
  await runtime.send("clerk", { payload: "gate" });
  await clock.advance(0);
  const [pausing, waking] = [runtime.pause("clerk"), runtime.wake("clerk")];
  const told = assert.rejects(waking, { code: "BUSY" });
  await clock.advance(0);
  gates.pop()!();
  await pausing;
  await told;
  for (const command of ["tick", "wake", "hibernate"] as const) {
    await assert.rejects(runtime[command]("clerk"), { code: "BUSY" }, command);
  }
  await runtime.resume("clerk");
});

void test("an agent that is paused before its first tick is done is created once it is resumed", async () => {
  let tries = 0;
  const shy = defineAgent({
    name: "shy",
    retry: { retries: 3, backoff: "10m" },
    onCreate() {
      tries += 1;
      if (tries === 1) throw new Error("not yet");
    },
  });
  const { runtime, clock } = await setting([shy]);
  await runtime.pause("shy");
  await clock.advance(HOUR);
  assert.equal((await runtime.resume("shy")).status, "creating");
  await clock.advance(0);
  assert.deepEqual([(await runtime.get("shy")).status, tries], ["active", 2]);
});

void test("a paused agent ends with no hook, and one whose ticks do not run cannot be paused", async () => {
  const { runtime } = await setting([clerk]);
  const { id } = await runtime.pause("clerk");
  await runtime.terminate("clerk");
  assert.deepEqual((await runtime.state(id))["got"], []);
  for (const verb of ["pause", "resume"] as const) {
    await assert.rejects(runtime[verb](id), { code: "TERMINATED" });
  }
  await runtime.purge(id);
  await assert.rejects(runtime.get(id), { code: "NOT_FOUND" });
});

void test("what waited for a resumed agent is taken up, also when the store fails before that is told", async () => {
  const { runtime, clock, store } = await setting([clerk]);
  await runtime.pause("clerk");
  await runtime.send("clerk", { payload: "waits" });
  const files = store.files.bind(store);
  store.files = async () => {
    store.files = files;
    // The status is durable by now.
    store.crash();
    throw new OpenAgentsError("STORE", "The disk refused");
  };
  await assert.rejects(runtime.resume("clerk"), { code: "STORE" });
  assert.notEqual((await runtime.get("clerk")).status, "paused");
  await clock.advance(1000);
  assert.deepEqual(await got(runtime), ["waits"]);
});

/** A home with an agent of three steps, and how to have each of them end. */
async function walking(rest: Partial<AgentOptions> = {}) {
  const did: string[] = [];
  const open: (() => void)[] = [];
  const aborted: string[] = [];
  const step = (ctx: Context, name: string): Promise<string> =>
    ctx.step(name, async ({ signal }) => {
      did.push(name);
      await new Promise<void>((resolve) => open.push(resolve));
      if (signal.aborted) aborted.push(name);
      return name;
    });
  const walker = defineAgent({
    name: "walker",
    timeout: "10h",
    ...rest,
    async onMessage(ctx) {
      await step(ctx, "one");
      await Promise.all([step(ctx, "two"), step(ctx, "beside")]);
      await step(ctx, "three");
      await ctx.reply("there");
    },
  });
  const home = await setting([walker]);
  const next = async (): Promise<void> => {
    open.shift()?.();
    await home.clock.advance(0);
  };
  await home.runtime.send("walker", { payload: "go", id: "go" });
  await home.clock.advance(0);
  return { ...home, did, aborted, next };
}

void test("while an agent is being paused no step begins: its tick is put down, and goes on behind what is done", async () => {
  const { runtime, clock, did, aborted, next } = await walking();
  await next();
  assert.deepEqual(did, ["one", "two", "beside"]);
  const before = await runtime.status("walker");
  let paused = false;
  const pausing = runtime.pause("walker").then(() => (paused = true));
  await next();
  assert.equal(paused, false, "another step is at work");
  await next();
  await clock.advance(0);
  await pausing;
  assert.deepEqual([did.length, aborted], [3, []]);
  const { ticks, queued } = await runtime.status("walker");
  assert.deepEqual([ticks, queued], [before.ticks, 1], "it left no trace");
  await clock.advance(HOUR);
  await runtime.resume("walker");
  await clock.advance(0);
  assert.deepEqual(did.slice(3), ["three"]);
  await next();
  const { lastTick } = await runtime.status("walker");
  assert.deepEqual([lastTick?.outcome, lastTick?.steps?.length], ["done", 4]);
  assert.equal((await runtime.verify("walker")).ok, true);
});

void test("the brake puts running ticks down at their next step, and commands among them are told", async () => {
  const { runtime, clock, did, next } = await walking({
    async onManual(ctx) {
      await ctx.step("slow", () => new Promise<void>((resolve) => gates.push(resolve)));
      await ctx.step("more", () => did.push("more"));
    },
  });
  await runtime.create({ name: "other", type: "walker" });
  const told = assert.rejects(runtime.tick("other"), { code: "BUSY" });
  await clock.advance(0);
  await runtime.pauseAll();
  await next();
  gates.pop()!();
  await clock.advance(0);
  await told;
  await clock.advance(HOUR);
  assert.deepEqual(did, ["one"]);
  await runtime.resumeAll();
  await clock.advance(0);
  for (let i = 0; i < 3; i += 1) await next();
  assert.deepEqual(did.toSorted(), ["beside", "more", "one", "three", "two"]);
  assert.equal((await runtime.status("walker")).lastTick?.outcome, "done");
});

void test("an end is not held up by a pause", async () => {
  const did: string[] = [];
  const { runtime, clock } = await walking({
    async onTerminate(ctx) {
      await ctx.step("first", () => new Promise<void>((resolve) => gates.push(resolve)));
      await ctx.step("last", () => did.push("last"));
    },
  });
  const ending = runtime.terminate("walker");
  await clock.advance(2_000);
  const pausing = assert.rejects(runtime.pause("walker"), { code: "TERMINATED" });
  await clock.advance(0);
  gates.pop()!();
  await ending;
  await pausing;
  assert.deepEqual(did, ["last"]);
});

void test("onError that is put down by a pause runs once it goes on", async () => {
  const did: string[] = [];
  const { runtime, clock, next } = await walking({
    retry: { retries: 0 },
    async onEvent() {
      throw new Error("no use");
    },
    async onError(ctx) {
      await ctx.step("first", () => new Promise<void>((resolve) => gates.push(resolve)));
      await ctx.step("last", () => did.push("last"));
      ctx.broadcast("said");
    },
  });
  for (let i = 0; i < 4; i += 1) await next();
  await runtime.send("walker", { payload: "x", type: "event" });
  await clock.advance(0);
  const pausing = runtime.pause("walker");
  await clock.advance(0);
  gates.pop()!();
  await pausing;
  assert.deepEqual(did, []);
  await runtime.resume("walker");
  await clock.advance(0);
  assert.deepEqual(did, ["last"]);
  assert.equal((await runtime.deadLetters("walker", 0, 9)).length, 1);
});
