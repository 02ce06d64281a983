import assert from "node:assert/strict";
import { test } from "node:test";
import { createRuntime, defineAgent, defineRuntime } from "../../src/index.ts";
import type { Runtime } from "../../src/index.ts";
import { fileBrake } from "../../src/core/brake.ts";
import { memoryHomeFiles } from "../../src/stores/memory/home-files.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { manualClock } from "../../src/testing/index.ts";
import { mortal } from "../backends/mortal.ts";
import { setting, signer, START } from "./setting.ts";

const gates: (() => void)[] = [];
const clerk = defineAgent({
  name: "clerk",
  state: { got: [] as string[] },
  timeout: "10h",
  async onMessage(ctx, message) {
    if (message.text === "gate") await new Promise<void>((resolve) => gates.push(resolve));
    if (message.text === "alarm") ctx.schedule({ in: "1m" });
    if (message.text === "tell") await ctx.send("other", "told");
    ctx.state.got.push(message.text);
  },
  onAlarm: (ctx) => void ctx.state.got.push("rang"),
});
const got = async (runtime: Runtime, name = "clerk"): Promise<unknown> =>
  (await runtime.state(name))["got"];

void test("pauseAll() lets running ticks end, and nothing begins until resumeAll()", async () => {
  const { runtime, clock, tell } = await setting([clerk]);
  await runtime.create({ name: "other", type: "clerk" });
  await clock.advance(0);
  await tell("clerk", "alarm");
  for (const payload of ["tell", "gate", "later"]) await runtime.send("clerk", { payload });
  await clock.advance(0);
  const waiting = assert.rejects(runtime.hibernate("clerk"), { code: "BUSY" });
  await clock.advance(0);
  await runtime.pauseAll();
  await waiting;
  assert.equal(await runtime.paused(), true);
  gates.pop()!();
  await clock.advance(3_600_000);
  assert.deepEqual(await got(runtime), ["alarm", "tell", "gate"]);
  assert.equal((await runtime.send("other", { payload: "more" })).receipt, "accepted");
  await clock.advance(0);
  assert.deepEqual(await got(runtime, "other"), ["told"], "what was told before");
  for (const verb of ["tick", "wake", "terminate"] as const) {
    await assert.rejects(runtime[verb]("other"), { code: "BUSY" });
  }
  assert.equal((await runtime.get("other")).status, "active");
  await runtime.resumeAll();
  await clock.advance(0);
  assert.deepEqual(await got(runtime, "other"), ["told", "more"]);
  assert.deepEqual(((await got(runtime)) as string[]).slice(3).toSorted(), ["later", "rang"]);
});

void test("a brake in the home's files is on after a crash, and what is due waits", async () => {
  const [disk, files, clock] = [memoryStore(), memoryHomeFiles(), manualClock(START)];
  const ensure = [{ name: "clerk", type: "clerk" }];
  const definition = defineRuntime({ agents: [clerk], ensure });
  const boot = async (): Promise<readonly [Runtime, ReturnType<typeof mortal>]> => {
    const life = mortal(disk);
    const brake = fileBrake({ files, clock });
    const runtime = createRuntime({ definition, store: life.store, signer, clock, brake });
    await runtime.start();
    await clock.advance(0);
    return [runtime, life];
  };
  const [first, life] = await boot();
  await first.pauseAll();
  await first.send("clerk", { payload: "waits" });
  await life.die();
  disk.crash();
  const [second] = await boot();
  await clock.advance(60_000);
  assert.equal(await second.paused(), true);
  assert.deepEqual(await got(second), []);
  await second.resumeAll();
  await clock.advance(0);
  assert.deepEqual(await got(second), ["waits"]);
});

void test("a brake that others let go is looked at again", async () => {
  const [files, clock] = [memoryHomeFiles(), manualClock(START)];
  const mine = fileBrake({ files, clock, fresh: 3000, again: 30_000 });
  const theirs = fileBrake({ files, clock, fresh: 3000 });
  const definition = defineRuntime({ agents: [clerk], ensure: [{ name: "clerk", type: "clerk" }] });
  const store = memoryStore();
  const runtime = createRuntime({ definition, store, signer, clock, brake: mine });
  await runtime.start();
  await clock.advance(0);
  await theirs.set(true);
  assert.equal(await mine.on(), false, "for as long as it is remembered");
  await clock.advance(3000);
  await runtime.send("clerk", { payload: "waits" });
  await clock.advance(20_000);
  assert.deepEqual(await got(runtime), []);
  await theirs.set(false);
  await clock.advance(30_000);
  assert.deepEqual(await got(runtime), ["waits"]);
});

void test("fileBrake() is as it was while the files cannot be read, and asks once at a time", async () => {
  const clock = manualClock(START);
  let [down, reads] = [true, 0];
  const files = {
    ...memoryHomeFiles(),
    write: async () => true,
    async read() {
      reads += 1;
      if (down) throw new Error("down");
      return "{}";
    },
  };
  const brake = fileBrake({ files, clock, fresh: 1000 });
  assert.deepEqual([await brake.on(), await brake.on(), reads], [false, false, 1]);
  down = false;
  await clock.advance(1000);
  assert.deepEqual([await Promise.all([brake.on(), brake.on()]), reads], [[true, true], 2]);
  assert.equal(brake.on(), true, "no promise");
  down = true;
  await clock.advance(1000);
  assert.equal(await brake.on(), true);
});

void test("more agents that are due than are read at once wait as well", async () => {
  const { runtime, clock } = await setting([clerk], { limits: { concurrency: 8 } });
  const names = Array.from({ length: 1100 }, (_, i) => `c${i}`);
  for (const name of names) await runtime.create({ name, type: "clerk" });
  await clock.advance(0);
  for (const name of names) await runtime.send(name, { payload: "alarm" });
  await clock.advance(0);
  await runtime.pauseAll();
  await clock.advance(600_000);
  assert.deepEqual(await got(runtime, "c7"), ["alarm"]);
  await runtime.resumeAll();
  await clock.advance(0);
  for (const name of names) assert.deepEqual(await got(runtime, name), ["alarm", "rang"]);
});
