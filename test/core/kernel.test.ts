import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  createRuntime,
  defineAgent,
  defineRuntime,
  RetryableError,
  TerminalError,
} from "../../src/index.ts";
import type { AgentDefinition } from "../../src/index.ts";
import { paths } from "../../src/core/tree.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { fakeSigner, manualClock } from "../../src/testing/index.ts";
import { HOUR, setting, signer, START } from "./setting.ts";

const once = { retries: 0 } as const;

void test("a cron alarm keeps to its time zone when the clocks go forward", async () => {
  const agent = defineAgent({
    name: "early",
    state: { fired: [] as string[] },
    onCreate: (ctx) =>
      void ctx.schedule({ cron: "0 9 * * *", timeZone: "Europe/Berlin" }, null, { id: "morning" }),
    onAlarm: (ctx, alarm) => void ctx.state.fired.push(new Date(alarm.dueAt).toISOString()),
  });
  const { clock, runtime } = await setting([agent]);
  await clock.advance(48 * HOUR);
  assert.deepEqual(await runtime.state("early"), {
    fired: ["2026-03-29T07:00:00.000Z", "2026-03-30T07:00:00.000Z"],
  });
});

void test("an interval that was missed while nothing ran fires once and keeps its beat", async () => {
  const agent = defineAgent({
    name: "beat",
    state: { fired: [] as number[] },
    onCreate: (ctx) => void ctx.schedule({ every: "1h" }, null, { id: "beat" }),
    onAlarm: (ctx) => void ctx.state.fired.push((ctx.now() - START) / HOUR),
  });
  const first = await setting([agent]);
  await first.clock.advance(HOUR);
  first.store.crash();
  const clock = manualClock(START + 4.5 * HOUR);
  const { runtime } = await setting([agent], { store: first.store, clock });
  await clock.advance(HOUR);
  assert.deepEqual(await runtime.state("beat"), { fired: [1, 4.5, 5] });
});

void test("state of an older version is migrated with the next tick, and newer state stops the agent", async () => {
  const v1 = defineAgent({ name: "a", state: { names: ["x"] }, onMessage: () => undefined });
  const first = await setting([v1]);
  const v2 = defineAgent({
    name: "a",
    version: 2,
    migrate: (state, from) => ({ count: (state["names"] as string[]).length + from }),
    onMessage: () => undefined,
  });
  const second = await setting([v2], first);
  assert.equal((await second.tell("a", "hello")).outcome, "done");
  assert.deepEqual(await second.runtime.state("a"), { count: 2 });

  const third = await setting([v1], first);
  const record = await third.tell("a", "again");
  assert.deepEqual(
    [record.outcome, record.error?.code, record.status],
    ["retry", "VERSION", "failed"],
  );
  assert.equal((await third.runtime.status("a")).queued, 1);

  const fourth = await setting([v2], first);
  await fourth.runtime.wake("a");
  await fourth.clock.advance(0);
  assert.equal((await fourth.runtime.status("a")).queued, 0);
});

void test("retries back off, and RetryableError says how long", async () => {
  let tries: number[] = [];
  const agent = defineAgent({
    name: "a",
    retry: { retries: 3, backoff: "1s", maxBackoff: "3s" },
    onMessage(ctx, message) {
      tries.push(ctx.now() - START);
      if (message.text === "later") throw new RetryableError("busy", { retryAfter: 60_000 });
      throw new Error("no");
    },
  });
  const { clock, tell } = await setting([agent]);
  await tell("a", "now");
  await clock.advance(HOUR);
  assert.deepEqual(tries, [0, 1000, 3000, 6000]);
  tries = [];
  const begun = HOUR;
  await tell("a", "later");
  await clock.advance(HOUR);
  assert.deepEqual(tries, [begun, begun + 60_000, begun + 120_000, begun + 180_000]);
});

void test("mail of a sender waits behind its mail that is being retried; other senders' does not", async () => {
  let failing = true;
  const agent = defineAgent({
    name: "a",
    state: { got: [] as string[] },
    retry: { retries: 5, backoff: "1m" },
    onMessage(ctx, message) {
      if (message.text === "x1" && failing) throw new Error("no");
      ctx.state.got.push(message.text);
    },
  });
  const { clock, runtime } = await setting([agent]);
  for (const [from, payload] of [
    ["x", "x1"],
    ["x", "x2"],
    ["y", "y1"],
  ] as const) {
    await runtime.send("a", { payload, from });
  }
  await clock.advance(0);
  assert.deepEqual((await runtime.state("a"))["got"], ["y1"]);
  failing = false;
  await clock.advance(HOUR);
  assert.deepEqual((await runtime.state("a"))["got"], ["y1", "x1", "x2"]);
});

void test("an agent that cannot be created fails, and wake begins anew", async () => {
  let broken = true;
  const agent = defineAgent({
    name: "a",
    state: { born: 0 },
    retry: once,
    onCreate(ctx) {
      if (broken) throw new Error("stillborn");
      ctx.state.born = 1;
    },
    onMessage: (ctx) => void (ctx.state.born += 1),
  });
  const { clock, runtime } = await setting([agent]);
  assert.equal((await runtime.get("a")).status, "failed");
  await runtime.send("a", { payload: "hello" });
  broken = false;
  const woken = runtime.wake("a");
  await clock.advance(0);
  assert.equal((await woken).outcome, "done");
  assert.deepEqual(await runtime.state("a"), { born: 2 });
});

void test("what onError does is committed with the dead letter", async () => {
  const agent = defineAgent({
    name: "a",
    state: { worked: 0, sorry: 0 },
    onMessage(ctx) {
      ctx.state.worked += 1;
      ctx.log.warn("about to fail", { at: 1 });
      throw new TerminalError("no");
    },
    async onError(ctx, error) {
      ctx.state.sorry += 1;
      await ctx.reply(`sorry: ${error.message}`);
    },
  });
  const { clock, runtime } = await setting([agent]);
  const answer = runtime.ask("a", { payload: "x" }, { timeout: HOUR });
  await clock.advance(0);
  assert.deepEqual((await answer).replies, ["sorry: no"]);
  assert.deepEqual(await runtime.state("a"), { worked: 0, sorry: 1 });
  const [row] = await runtime.log("a", 1, 1);
  assert.match(row!.output!, /about to fail/);
});

void test("requests that are made together leave together and are awaited together", async () => {
  const echo = defineAgent({ name: "echo", onMessage: (ctx, m) => ctx.reply(`${m.text}!`) });
  const asker = defineAgent({
    name: "asker",
    state: { answers: [] as unknown[] },
    async onMessage(ctx) {
      const pair = Promise.all([ctx.request("echo", "a"), ctx.request("echo", "b")]);
      const slow = ctx.step("slow", async () => 1);
      ctx.state.answers.push(await pair, await slow);
    },
  });
  const { clock, store, runtime, tell } = await setting([echo, asker]);
  await tell("asker", "go");
  await clock.advance(0);
  assert.deepEqual(await runtime.state("asker"), { answers: [["a!", "b!"], 1] });
  assert.deepEqual(await runtime.deadLetters("asker", 0, 9), []);
  const { id } = await runtime.get("asker");
  for (const prefix of ["journal/", "parked/", "waits/", "timers/"]) {
    assert.deepEqual(await store.files(id, { prefix, limit: 9 }), [], prefix);
  }
});

void test("an agent that is still being created can be terminated, and an alarm cannot be answered", async () => {
  const stuck = defineAgent({ name: "stuck", onCreate: (ctx) => ctx.sleep("1d") });
  const early = defineAgent({
    name: "early",
    state: { code: "" },
    onCreate: (ctx) => void ctx.schedule({ in: 0 }),
    async onAlarm(ctx) {
      await ctx.reply("hello?").catch((error: { code: string }) => (ctx.state.code = error.code));
    },
  });
  const { clock, runtime } = await setting([stuck, early]);
  const { id } = await runtime.get("stuck");
  const ended = runtime.terminate("stuck");
  await clock.advance(0);
  await ended;
  assert.equal((await runtime.get(id)).status, "terminated");
  assert.deepEqual(await runtime.state("early"), { code: "INVALID" });
});

void test("a tick that is cut off by stops, however often, is not taken for one that kills", async () => {
  let cut = true;
  const agent = defineAgent({
    name: "long",
    state: { done: 0 },
    async onMessage(ctx) {
      if (cut) await new Promise(() => undefined);
      ctx.state.done += 1;
    },
  });
  const first = await setting([agent]);
  await first.runtime.send("long", { payload: "x" });
  const { store, clock } = first;
  store.crash();
  for (let i = 0; i < 6; i += 1) {
    const next = await setting([agent], { store, clock });
    const stopped = next.runtime.stop(0);
    await clock.advance(0);
    await stopped;
    store.crash();
  }
  cut = false;
  const last = await setting([agent], { store, clock });
  assert.deepEqual(await last.runtime.state("long"), { done: 1 });
});

void test("a reply that comes after its request has timed out is a dead letter", async () => {
  const slow = defineAgent({
    name: "slow",
    async onMessage(ctx) {
      await ctx.sleep("1h");
      await ctx.reply("late");
    },
  });
  const asker = defineAgent({
    name: "asker",
    state: { error: "" },
    async onMessage(ctx) {
      await ctx.request("slow", "?", { timeout: "1m" }).catch((error: { code: string }) => {
        ctx.state.error = error.code;
      });
    },
  });
  const { clock, runtime, tell } = await setting([slow, asker]);
  await tell("asker", "go");
  await clock.advance(2 * HOUR);
  assert.deepEqual(await runtime.state("asker"), { error: "TIMEOUT" });
  const [row] = await runtime.deadLetters("asker", 0, 9);
  assert.deepEqual(
    [row?.envelope.type, row?.envelope.sealed, row?.reason],
    ["response", "sender", "Nobody waits for this reply any more"],
  );
});

void test("however many agents are due at the start, each gets its turn, also behind ones that are slow", async () => {
  const store = memoryStore();
  const agent = defineAgent({ name: "a", onCreate: (ctx) => ctx.step("slow", () => sleep(1)) });
  const definition = defineRuntime({ agents: [agent] });
  const ports = { definition, store, signer: fakeSigner() };
  const first = createRuntime(ports);
  const count = 2500;
  for (let i = 0; i < count; i += 1) await first.create({ name: `a${i}`, type: "a" });
  store.crash();
  const second = createRuntime(ports);
  await second.start();
  while (second.metrics().ticks < count) await sleep(5);
  assert.equal((await store.due({ now: Date.now(), limit: 9, mail: true })).agents.length, 0);
  await second.stop();
});

void test("two agents that answer each other for ever are stopped by limits.hops", async () => {
  const polite = (name: string): AgentDefinition =>
    defineAgent({
      name,
      state: { got: 0 },
      async onMessage(ctx, message) {
        ctx.state.got += 1;
        if (message.from === "operator") await ctx.send("b", "hello");
        else await ctx.reply("thank you");
      },
    });
  const { clock, runtime, tell } = await setting([polite("a"), polite("b")], {
    limits: { hops: 10 },
  });
  await tell("a", "go");
  for (let i = 0; i < 20; i += 1) await clock.advance(0);
  const [row] = [
    ...(await runtime.deadLetters("a", 0, 9)),
    ...(await runtime.deadLetters("b", 0, 9)),
  ];
  assert.match(row!.reason!, /limits\.hops is 10/);
  assert.deepEqual([(await runtime.state("a"))["got"], (await runtime.state("b"))["got"]], [5, 5]);
});

void test("mail that does not fit does not quarantine the agent, whoever sends it", async () => {
  const agent = defineAgent({
    name: "a",
    retry: { quarantineAfter: 2 },
    onMessage(ctx) {
      ctx.schedule({ in: "soon" });
    },
  });
  const { runtime, tell } = await setting([agent]);
  for (const text of ["1", "2", "3"]) assert.equal((await tell("a", text)).error?.code, "INVALID");
  assert.equal((await runtime.get("a")).status, "active");
});

void test("a step's key is the same for every try of it and different for every other step", async () => {
  const keys: string[] = [];
  const agent = defineAgent({
    name: "a",
    async onMessage(ctx) {
      await ctx.step("one", ({ key }) => void keys.push(key));
      await ctx.step("one", ({ key }) => {
        keys.push(key);
        if (keys.length === 2) throw new Error("not yet");
      });
    },
  });
  const { clock, tell } = await setting([agent]);
  await tell("a", "go");
  await clock.advance(HOUR);
  await tell("a", "go");
  const [first, second, again, third, fourth] = keys;
  assert.equal(keys.length, 5);
  assert.equal(second, again);
  assert.equal(new Set([first, second, third, fourth]).size, 4);
});

void test("an agent under overload that drops the oldest mail goes on working", async () => {
  const agent = defineAgent({
    name: "a",
    state: { done: 0 },
    inbox: { depth: 2, overflow: "drop-oldest" },
    async onMessage(ctx) {
      await sleep(5);
      ctx.state.done += 1;
    },
  });
  const definition = defineRuntime({ agents: [agent] });
  const runtime = createRuntime({ definition, store: memoryStore(), signer: fakeSigner() });
  await runtime.start();
  await runtime.create({ name: "a", type: "a" });
  for (let i = 0; i < 100; i += 1) {
    await runtime.send("a", { payload: i });
    await sleep(1);
  }
  while ((await runtime.status("a")).queued > 0) await sleep(5);
  const { done } = (await runtime.state("a")) as { done: number };
  assert.ok(done > 5, `${done} done`);
  assert.equal((await runtime.deadLetters("a", 0, 1000)).length, 100 - done);
  assert.equal(runtime.metrics().failures, 0);
  await runtime.stop();
});

void test("an alarm goes off behind any number of timers of mail that is gone", async () => {
  const agent = defineAgent({
    name: "a",
    state: { rang: 0 },
    onCreate: (ctx) => void ctx.schedule({ in: "2h" }),
    onAlarm: (ctx) => void (ctx.state.rang += 1),
  });
  const { clock, runtime, store } = await setting([agent]);
  const { id } = await runtime.get("a");
  const claim = await store.claim(id, clock.now(), clock.now() + 1);
  const stale = Array.from({ length: 500 }, (_, i) => ({
    path: paths.timer({ at: START + i, kind: "retry", id: String(i) }),
    value: "",
  }));
  await store.journal(claim!, stale);
  await store.release(claim!);
  await clock.advance(2 * HOUR);
  assert.equal((await runtime.state("a"))["rang"], 1);
  assert.deepEqual(await store.files(id, { prefix: paths.timers, limit: 9 }), []);
});

void test("a step that nobody waits for does not hold its tick beyond its timeout", async () => {
  const agent = defineAgent({
    name: "a",
    timeout: "1s",
    retry: once,
    onMessage: (ctx) =>
      Promise.race([
        ctx.step("hang", () => new Promise(() => undefined)),
        ctx.step("quick", () => 1),
      ]),
  });
  const { clock, runtime } = await setting([agent]);
  await runtime.send("a", { payload: "x" });
  await clock.advance(5000);
  assert.equal((await runtime.status("a")).lastTick?.error?.code, "TIMEOUT");
});

void test("a terminate that fails or waits ends the agent all the same", async () => {
  const agents = [
    defineAgent({ name: "throws", onTerminate: () => Promise.reject(new Error("no")) }),
    defineAgent({ name: "waits", onTerminate: (ctx) => ctx.sleep("1d") }),
  ];
  const { clock, runtime } = await setting(agents);
  for (const { name } of agents) {
    const { id } = await runtime.get(name);
    const ended = runtime.terminate(name);
    await clock.advance(10);
    await ended;
    assert.equal((await runtime.get(id)).status, "terminated");
  }
});

void test("ctx cannot be used once its tick is over", async () => {
  const late: (() => unknown)[] = [];
  const agent = defineAgent({
    name: "a",
    state: { n: 0 },
    onMessage(ctx) {
      const { state } = ctx;
      late.push(
        () => ctx.broadcast("late"),
        () => ctx.log.info("late"),
        () => ctx.state.n,
        () => (state.n = 1),
        () => (ctx.state = { n: 2 }),
        () => ctx.schedule({ in: 1 }),
      );
    },
  });
  const { tell } = await setting([agent]);
  await tell("a", "go");
  for (const use of late) assert.throws(use, { code: "CANCELLED" }, String(use));
});

void test("ctx gives agent code nothing to reach behind, and what it changes of a message stays its own", async () => {
  const seen: string[] = [];
  const agent = defineAgent({
    name: "a",
    async onMessage(ctx, message) {
      seen.push(...Object.keys(ctx));
      assert.throws(() => Object.assign(ctx, { mail: [{}] }), TypeError);
      assert.throws(() => Object.assign(message, { id: "x" }), TypeError);
      (message.payload as { n: number }).n += 1;
      seen.push(`n = ${(message.payload as { n: number }).n}`);
      await ctx.sleep("1s");
    },
  });
  const { clock, runtime } = await setting([agent]);
  await runtime.send("a", { payload: { n: 1 } });
  await clock.advance(HOUR);
  const once = ["agent", "trigger", "identity", "log", "n = 2"];
  assert.deepEqual(seen, [...once, ...once]);
});

void test("what a tick gives out is bounded: events throw, log lines are cut", async () => {
  const agent = defineAgent({
    name: "a",
    retry: once,
    onMessage(ctx, message) {
      for (let i = 0; i < 100; i += 1) {
        if (message.text === "log") ctx.log.info("x".repeat(100));
        else ctx.broadcast("big", "x".repeat(100));
      }
    },
  });
  const { runtime, tell } = await setting([agent], { limits: { outputBytes: 1000 } });
  const record = await tell("a", "event");
  assert.deepEqual([record.outcome, record.error?.code], ["failed", "LIMIT"]);
  assert.match(record.error!.message, /limits\.outputBytes/);
  assert.equal((await tell("a", "log")).outcome, "done");
  const row = (await runtime.log("a", 2, 1))[0]!;
  assert.ok(row.output!.length < 2000);
  assert.match(row.output!, /limits\.outputBytes/);
});

void test("state is a working copy: what a failed tick did to it is gone", async () => {
  const agent = defineAgent({
    name: "a",
    state: { list: [1], map: Object.fromEntries([["x", 1]]) },
    retry: once,
    onMessage(ctx, message) {
      ctx.state.list.push(2);
      delete ctx.state.map["x"];
      (ctx.state as Record<string, unknown>)["more"] = "y";
      if (message.text === "fail") throw new Error("no");
      if (message.text === "replace") ctx.state = { list: [], map: {} };
      if (message.text === "bad") ctx.state.list.push(Number.NaN);
    },
  });
  const { runtime, tell } = await setting([agent]);
  await tell("a", "fail");
  assert.deepEqual(await runtime.state("a"), { list: [1], map: { x: 1 } });
  assert.equal(
    (await tell("a", "bad")).error?.message,
    'Cannot store "state.list[2]": NaN is not JSON',
  );
  const record = await tell("a", "work");
  assert.deepEqual(await runtime.state("a"), { list: [1, 2], map: {}, more: "y" });
  assert.deepEqual(Object.keys(record.wrote!), ["state/list", "state/map", "state/more"]);
  await tell("a", "replace");
  assert.deepEqual(await runtime.state("a"), { list: [], map: {} });
});

void test("an agent whose type is not here keeps its mail until it is", async () => {
  const agent = defineAgent({ name: "a", onMessage: () => undefined });
  const other = defineAgent({ name: "b" });
  const first = await setting([agent]);
  const second = await setting([other], first);
  await second.runtime.send("a", { payload: "wait" });
  await second.clock.advance(0);
  assert.equal((await second.runtime.status("a")).queued, 1);
  const third = await setting([agent], first);
  await third.clock.advance(0);
  assert.equal((await third.runtime.status("a")).queued, 0);
});

void test("identity signs for the agent, and others can check it", async () => {
  const agent = defineAgent({
    name: "a",
    state: { signature: "", forged: true },
    async onMessage(ctx) {
      const hash = "ab".repeat(32);
      ctx.state.signature = await ctx.identity.sign(hash);
      ctx.state.forged = ctx.identity.verify(
        ctx.identity.publicKey,
        "cd".repeat(32),
        ctx.state.signature,
      );
    },
  });
  const { clock, runtime, tell } = await setting([agent]);
  await tell("a", "go");
  await clock.advance(0);
  const { signature, forged } = await runtime.state("a");
  const { publicKey } = await runtime.get("a");
  assert.equal(forged, false);
  const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
  assert.ok(signer.verify(publicKey, bytes("ab".repeat(32)), bytes(signature as string)));
});

void test("defineAgent() and defineRuntime() refuse what is wrong and say where", () => {
  const wrong = (run: () => unknown, message: RegExp): void =>
    assert.throws(run, (error: Error & { code?: string }) => {
      assert.equal(error.code, "CONFIG");
      assert.match(error.message, message);
      return true;
    });
  wrong(() => defineAgent({ name: "a b" }), /"name" must be/);
  wrong(() => defineAgent({ name: "a", version: 2 }), /needs "migrate"/);
  wrong(() => defineAgent({ name: "a", inbox: { depth: 0 } }), /"inbox.depth"/);
  wrong(() => defineAgent({ name: "a", onMessage: 1 as never }), /"onMessage" must be a function/);
  const js = (options: object): Parameters<typeof defineAgent>[0] => options as { name: string };
  wrong(() => defineAgent(js({ name: "a", onMesage() {} })), /there is no "onMesage"/);
  wrong(() => defineAgent(js({ name: "a", retry: { tries: 1 } })), /there is no "retry.tries"/);
  wrong(() => defineAgent({ name: "a", state: { d: new Date() } }), /"state": .*state\.d.*Date/);
  wrong(() => defineAgent({ name: "a", timeout: "5 years" }), /"timeout": Cannot read duration/);
  wrong(() => defineRuntime({ agents: [] }), /at least one agent/);
  wrong(() => defineRuntime({ agents: [{} as never] }), /"agents\[0\]" is not made by/);
  const a = defineAgent({ name: "a" });
  wrong(() => defineRuntime({ agents: [a, a] }), /"agents\[1\]": the name "a" is taken/);
  wrong(
    () => defineRuntime({ agents: [a], ensure: [{ name: "x", type: "y" }] }),
    /no agent type "y"/,
  );
  wrong(() => defineRuntime({ agents: [a], limits: { concurrency: 0 } }), /"limits.concurrency"/);
});

void test("ask() under an id sent before counts a reply once when the tick ends while it looks back", async () => {
  const agent = defineAgent({ name: "a", onMessage: (ctx) => ctx.reply("once") });
  const store = memoryStore();
  const { clock, runtime } = await setting([agent], { store });
  await runtime.send("a", { payload: "x", id: "first" });
  // The tick is committed and told of before what it wrote is looked for.
  const log = store.log.bind(store);
  store.log = async (...query) => {
    await clock.advance(0);
    return log(...query);
  };
  const asked = runtime.ask("a", { payload: "x", id: "first" }, { timeout: HOUR });
  await clock.advance(0);
  assert.deepEqual((await asked).replies, ["once"]);
});

void test("a trigger that a process died over is left alone for a while, so that many deaths at once do not blame it", async () => {
  const agent = defineAgent({
    name: "a",
    state: { done: 0 },
    onMessage: async (ctx) => {
      if (ctx.now() < START + HOUR) await new Promise(() => undefined);
      ctx.state.done += 1;
    },
  });
  const clock = manualClock(START);
  const store = memoryStore();
  const first = await setting([agent], { store, clock });
  await first.runtime.send("a", { payload: "x", id: "x" });
  for (let deaths = 0; deaths < 10; deaths += 1) {
    await clock.advance(100);
    store.crash();
    await setting([agent], { store, clock });
  }
  const [count] = await store.read((await store.get("a"))!.id, [paths.crashes("x")]);
  assert.equal(count, "1");
  store.crash();
  const later = manualClock(START + HOUR);
  const { runtime } = await setting([agent], { store, clock: later });
  await later.advance(2000);
  assert.deepEqual(await runtime.state("a"), { done: 1 });
});
