import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent, defineRuntime, createRuntime } from "../../src/index.ts";
import { manualClock } from "../../src/testing/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { HOUR, setting, signer, START } from "./setting.ts";

const limits = { parked: 2 };
const sleeper = defineAgent({
  name: "a",
  state: { done: [] as string[] },
  retry: { retries: 0, quarantineAfter: 1 },
  async onMessage(ctx, message) {
    if (message.text !== "quick") await ctx.sleep("1h");
    ctx.state.done.push(message.text);
  },
});

void test("mail beyond limits.parked waits in the inbox, in order, until a parked tick ends", async () => {
  const { clock, runtime } = await setting([sleeper], { limits });
  for (const text of ["1", "2", "3", "quick", "5"])
    await runtime.send("a", { payload: text, id: text });
  await clock.advance(10);
  const { parked, queued } = await runtime.status("a");
  assert.deepEqual([parked.length, queued], [2, 3]);
  await clock.advance(HOUR);
  assert.deepEqual((await runtime.state("a"))["done"], ["1", "2", "quick"]);
  await clock.advance(HOUR);
  assert.deepEqual((await runtime.state("a"))["done"], ["1", "2", "quick", "3", "5"]);
  assert.deepEqual(await runtime.deadLetters("a", 0, 9), []);
  assert.equal((await runtime.get("a")).status, "active");
});

void test("an answer passes mail of its sender that waits behind limits.parked", async () => {
  const asked = defineAgent({
    name: "b",
    async onMessage(ctx, message) {
      await ctx.send("a", "mine");
      await ctx.sleep("1h");
      if (message.expectsReply) await ctx.reply("yes");
    },
  });
  const asking = defineAgent({
    name: "a",
    state: { got: [] as unknown[] },
    retry: { quarantineAfter: 1 },
    async onMessage(ctx, message) {
      const got =
        message.text === "mine" ? "mine" : await ctx.request("b", "?", { timeout: "30d" });
      ctx.state.got.push(got);
    },
  });
  const { clock, runtime } = await setting([asking, asked], { limits: { parked: 1 } });
  await runtime.send("a", { payload: "go" });
  await clock.advance(10);
  await runtime.send("b", { payload: "x" });
  for (let i = 0; i < 3; i += 1) await clock.advance(HOUR);
  assert.deepEqual((await runtime.state("a"))["got"], ["yes", "mine", "mine"]);
});

void test("alarms wait while limits.parked is reached, and commands are done", async () => {
  const agent = defineAgent({
    name: "a",
    state: { done: [] as string[] },
    retry: { retries: 0, quarantineAfter: 1 },
    async onMessage(ctx, message) {
      if (message.text === "alarm") ctx.schedule({ in: "1m" }, null, { id: "soon" });
      else await ctx.sleep("1h");
      ctx.state.done.push(message.text);
    },
    onAlarm(ctx) {
      ctx.state.done.push(`rang ${(ctx.now() - START) / 60_000}`);
    },
    async onManual(ctx) {
      await ctx.sleep("1h");
    },
  });
  const { clock, runtime } = await setting([agent], { limits: { parked: 1 } });
  await runtime.send("a", { payload: "alarm" });
  await runtime.send("a", { payload: "1" });
  await clock.advance(HOUR / 2);
  assert.deepEqual((await runtime.state("a"))["done"], ["alarm"]);
  const [record] = await Promise.all([runtime.tick("a"), clock.advance(0)]);
  assert.deepEqual([record.outcome, record.error?.code], ["failed", "LIMIT"]);
  assert.match(record.error!.message, /limits\.parked/);
  assert.equal((await runtime.get("a")).status, "active");
  await clock.advance(HOUR);
  assert.deepEqual((await runtime.state("a"))["done"], ["alarm", "1", "rang 60"]);
});

void test("mail that waits behind limits.parked goes on after a restart", async () => {
  const store = memoryStore();
  const clock = manualClock(START);
  const before = await setting([sleeper], { limits, store, clock });
  for (const text of ["1", "2", "3"]) await before.runtime.send("a", { payload: text, id: text });
  await clock.advance(10);
  const stopped = before.runtime.stop();
  await clock.advance(0);
  await stopped;
  store.crash();
  const runtime = createRuntime({
    definition: defineRuntime({ agents: [sleeper], limits }),
    store,
    signer,
    clock,
  });
  await runtime.start();
  await clock.advance(10);
  assert.equal((await runtime.status("a")).queued, 1);
  for (let i = 0; i < 3; i += 1) await clock.advance(HOUR);
  assert.deepEqual((await runtime.state("a"))["done"], ["1", "2", "3"]);
});

void test("send() refuses the kernel's own headers, and accept() takes them off", async () => {
  const state: { headers: unknown } = { headers: undefined };
  const agent = defineAgent({
    name: "a",
    state,
    retry: { quarantineAfter: 1 },
    async onMessage(ctx, message) {
      ctx.state.headers = message.headers;
      await ctx.send("a2", "on");
    },
  });
  const { clock, runtime } = await setting([agent]);
  for (const name of ["hops", "error"]) {
    const headers = { [name]: "1000000" };
    await assert.rejects(runtime.send("a", { payload: "x", headers }), {
      code: "INVALID",
      message: new RegExp(`"${name}"`),
    });
  }
  const from = (await signer.identity(1000)).npub;
  for (const [i, who] of ["web", from].entries()) {
    const headers = { hops: i === 0 ? "1000000" : "many", error: "x", kind: "14" };
    const head = { id: `e${i}`, sentAt: START, source: "nostr", to: "a", type: "message" } as const;
    await runtime.accept([{ ...head, from: who, payload: "x", headers }]);
    await clock.advance(0);
    assert.equal((await runtime.status("a")).lastTick?.outcome, "done");
    assert.deepEqual((await runtime.state("a"))["headers"], { kind: "14" });
  }
  // A driver has the count of whoever it made sure of; one at the limit ends the chain.
  const last = { id: "last", sentAt: START, source: "nostr", to: "a", type: "message" } as const;
  await runtime.accept([{ ...last, from, payload: "x", headers: { hops: "1000" } }]);
  await clock.advance(0);
  assert.equal((await runtime.status("a")).lastTick?.error?.code, "LIMIT");
});

void test("a foreign agent's count of hops stops the chain, and does not quarantine the agent", async () => {
  const agent = defineAgent({
    name: "a",
    retry: { retries: 0, quarantineAfter: 1 },
    async onMessage(ctx) {
      await ctx.send("a2", "on");
    },
  });
  const { clock, runtime, store } = await setting([agent]);
  const record = (await store.get("a"))!;
  const { npub: from, publicKey } = await signer.identity(1000);
  const foreign = { ...record, id: from, publicKey, account: 1000 };
  for (const [i, hops] of ["1000", "many", "-5", "Infinity"].entries()) {
    const head = { id: `e${i}`, type: "message" } as const;
    const bound = [head.id, head.type, null, START, null, null, null, null];
    const inside = JSON.stringify({ from, bound, payload: "x", headers: { hops } });
    const payload = await signer.encrypt(
      foreign,
      record.publicKey,
      new TextEncoder().encode(inside),
    );
    const rest = { sentAt: START, source: "nostr", from, to: "a", sealed: "sender" } as const;
    await runtime.accept([{ ...head, ...rest, payload }]);
    await clock.advance(0);
    const tick = (await runtime.status("a")).lastTick!;
    assert.deepEqual(
      [tick.outcome, tick.error?.code, tick.trigger.id],
      ["failed", "LIMIT", head.id],
    );
    assert.equal((await runtime.get("a")).status, "active");
  }
});

void test("what a hook does to an answer, or to the headers of its message, changes no replay of it", async () => {
  const lister = defineAgent({ name: "lister", onMessage: (ctx) => ctx.reply(["one"]) });
  let tries = 0;
  const asker = defineAgent({
    name: "asker",
    retry: { retries: 3, backoff: "1s" },
    async onMessage(ctx, message) {
      const headers = message.headers as Record<string, string>;
      headers["seen"] = `${headers["seen"] ?? ""}x`;
      const list = (await ctx.request("lister", "?")) as string[];
      list.push("mine");
      const step = await ctx.step("list", () => ["two"]);
      step.push("mine");
      if (message.text === "wait") await ctx.sleep("1s");
      else if ((tries += 1) < 3) throw new Error("once more");
      await ctx.reply([...list, ...step, headers["seen"]]);
    },
  });
  const { clock, runtime } = await setting([lister, asker]);
  for (const payload of ["wait", "retry"]) {
    const asked = runtime.ask("asker", { payload }, { timeout: HOUR });
    await clock.advance(HOUR / 2);
    assert.deepEqual((await asked).replies, [["one", "mine", "two", "mine", "x"]], payload);
  }
});
