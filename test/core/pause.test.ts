import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent, OpenAgentsError } from "../../src/index.ts";
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
