import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent, OpenAgentsError, TerminalError } from "../../src/index.ts";
import type { TickRecord } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { HOUR, setting } from "./setting.ts";

void test("replay() of mail that could not be delivered sends it, with no other mail to wait for", async () => {
  const sender = defineAgent({
    name: "sender",
    onMessage: (ctx, message) => ctx.send("late", message.text),
  });
  const keeper = defineAgent({
    name: "keeper",
    state: { got: [] as string[] },
    onMessage: (ctx, message) => void ctx.state.got.push(message.text),
  });
  const { runtime, clock, tell } = await setting([sender, keeper]);
  await tell("sender", "hi");
  await clock.advance(1000);
  const [row] = await runtime.deadLetters("sender", 0, 9);
  await runtime.create({ name: "late", type: "keeper" });
  await clock.advance(1000);
  await runtime.replay("sender", row!.envelope.id);
  await clock.advance(0);
  assert.deepEqual(await runtime.state("late"), { got: ["hi"] });
});

void test("terminate() and wake() at once leave the agent terminated", async () => {
  const agent = defineAgent({
    name: "a",
    retry: { quarantineAfter: 1 },
    onMessage: () => Promise.reject(new TerminalError("on purpose")),
  });
  const { runtime, clock, tell } = await setting([agent]);
  assert.equal((await tell("a", "x")).status, "quarantined");
  const { id } = await runtime.get("a");
  const both = Promise.allSettled([runtime.wake(id), runtime.terminate(id)]);
  await clock.advance(HOUR);
  await both;
  assert.equal((await runtime.get(id)).status, "terminated");
});

void test("tick() of an agent that the tick before quarantines says what it says from then on", async () => {
  const agent = defineAgent({
    name: "a",
    retry: { quarantineAfter: 1 },
    onManual: () => Promise.reject(new TerminalError("on purpose")),
  });
  const { runtime, clock } = await setting([agent]);
  const both = Promise.allSettled([runtime.tick("a"), runtime.tick("a")]);
  await clock.advance(0);
  const [first, second] = await both;
  assert.equal((first as PromiseFulfilledResult<TickRecord>).value.status, "quarantined");
  const { code } = (second as PromiseRejectedResult).reason as OpenAgentsError;
  assert.equal(code, "INVALID");
  await assert.rejects(runtime.tick("a"), { code });
});

void test("terminate() and purge() do the same when they are called twice at once", async () => {
  let ended = 0;
  const agent = defineAgent({
    name: "a",
    async onTerminate(ctx) {
      ended += 1;
      await ctx.step("tidy up", () => new Promise((resolve) => void setImmediate(resolve)));
    },
  });
  const { runtime, clock } = await setting([agent]);
  const { id } = await runtime.get("a");
  const both = Promise.all([runtime.terminate(id), runtime.terminate(id)]);
  await clock.advance(HOUR);
  await both;
  assert.deepEqual([(await runtime.get(id)).status, ended], ["terminated", 1]);

  await runtime.create({ name: "b", type: "a" });
  await clock.advance(0);
  const purged = Promise.all([runtime.purge("b"), runtime.terminate("b"), runtime.purge("b")]);
  await clock.advance(HOUR);
  await purged;
  await assert.rejects(runtime.get("b"), { code: "NOT_FOUND" });
});

void test("terminate() ends an agent whose tick cannot come to that end", async () => {
  const v1 = defineAgent({ name: "a", onMessage: () => undefined });
  const v2 = defineAgent({ name: "a", version: 2, migrate: (state) => state, onMessage() {} });
  const first = await setting([v2]);
  await first.tell("a", "x");
  const { id } = await first.runtime.get("a");
  const second = await setting([v1], first);
  const ended = second.runtime.terminate(id);
  await second.clock.advance(HOUR);
  await ended;
  assert.equal((await second.runtime.get(id)).status, "terminated");
});

void test("whoever asked an agent that is terminated is told so", async () => {
  const slow = defineAgent({
    name: "slow",
    async onMessage(ctx) {
      await ctx.sleep("1d");
    },
  });
  const asker = defineAgent({
    name: "asker",
    state: { errors: [] as string[] },
    async onMessage(ctx) {
      await ctx.request("slow", "?", { timeout: "30d" }).catch((error: OpenAgentsError) => {
        ctx.state.errors.push(error.code);
      });
    },
  });
  const { runtime, clock, tell } = await setting([slow, asker]);
  await tell("asker", "go");
  const ended = runtime.terminate("slow");
  await clock.advance(0);
  await ended;
  await clock.advance(0);
  assert.deepEqual(await runtime.state("asker"), { errors: ["TERMINATED"] });
});

void test("drop-oldest spares the mail that is being worked on, also when older mail waits for a retry", async () => {
  let go = (): void => undefined;
  const agent = defineAgent({
    name: "a",
    state: { done: [] as string[] },
    inbox: { depth: 2, overflow: "drop-oldest" },
    retry: { backoff: "1h" },
    async onMessage(ctx, message) {
      if (message.text === "one") throw new Error("later");
      if (message.text === "two") await new Promise<void>((resolve) => (go = resolve));
      ctx.state.done.push(message.text);
    },
  });
  const { runtime, clock } = await setting([agent]);
  await runtime.send("a", { payload: "one", from: "x" });
  await clock.advance(10);
  const two = runtime.ask("a", { payload: "two", from: "y" }, { timeout: HOUR });
  await clock.advance(10);
  await runtime.send("a", { payload: "three", from: "z" });
  go();
  await clock.advance(10);
  assert.equal((await two).outcome, "done");
  assert.deepEqual(await runtime.state("a"), { done: ["two", "three"] });
  const dead = await runtime.deadLetters("a", 0, 9);
  assert.deepEqual(
    dead.map(({ envelope }) => envelope.payload),
    [],
  );
});

void test("an agent cannot send with the priority of commands, and a reply that fails is none", async () => {
  const bad = defineAgent({
    name: "bad",
    state: { codes: [] as string[] },
    async onMessage(ctx, message) {
      const note = (error: OpenAgentsError): void => void ctx.state.codes.push(error.code);
      if (message.text === "urgent") await ctx.send("bad", "x", { priority: 100 }).catch(note);
      else await ctx.reply("x".repeat(2_000_000)).catch(note);
    },
  });
  const asker = defineAgent({
    name: "asker",
    state: { answers: [] as unknown[] },
    async onMessage(ctx) {
      ctx.state.answers.push(await ctx.request("bad", "?", { timeout: "30d" }));
    },
  });
  const { runtime, clock, tell } = await setting([bad, asker]);
  await tell("bad", "urgent");
  await tell("asker", "go");
  await clock.advance(0);
  assert.deepEqual(await runtime.state("bad"), { codes: ["INVALID", "LIMIT"] });
  assert.deepEqual(await runtime.state("asker"), { answers: [null] });
});

void test("purge() takes what was sent to where it goes, and erases what would have to wait", async () => {
  const sender = defineAgent({
    name: "sender",
    async onMessage(ctx) {
      for (let i = 0; i < 900; i += 1) await ctx.send("keeper", i);
      await ctx.send("ghost@example.org", "waits");
    },
  });
  const keeper = defineAgent({
    name: "keeper",
    state: { got: 0 },
    onMessage(ctx) {
      ctx.state.got += 1;
    },
  });
  const names = () => Promise.reject(new Error("It does not answer"));
  const { runtime, store, clock } = await setting([sender, keeper], { names });
  const { id } = await runtime.get("sender");
  const told = runtime.ask("sender", { payload: "go" }, { timeout: HOUR });
  const purged = told.then(() => runtime.purge("sender"));
  await clock.advance(1000);
  await purged;
  await clock.advance(1000);
  assert.deepEqual(await runtime.state("keeper"), { got: 900 });
  assert.deepEqual(await store.outbox(0, 9), []);
  assert.equal(await store.get(id), undefined);
});

void test("wake() creates an agent that failed to be, also when the store failed at it before", async () => {
  let tries = 0;
  const shy = defineAgent({
    name: "shy",
    retry: { retries: 0, backoff: "1s" },
    onCreate() {
      tries += 1;
      if (tries === 1) throw new TerminalError("not yet");
    },
  });
  const store = memoryStore();
  const { runtime, clock } = await setting([shy], { store });
  assert.equal((await runtime.get("shy")).status, "failed");
  const [replay, setStatus] = [store.replay.bind(store), store.setStatus.bind(store)];
  // What is done before each of the two is durable, and nothing of it itself.
  for (const call of ["replay", "setStatus"] as const) {
    store[call] = async (): Promise<never> => {
      await store.sync();
      store.crash();
      throw new OpenAgentsError("STORE", "The disk refused");
    };
    await assert.rejects(runtime.wake("shy"), { code: "STORE" }, call);
    Object.assign(store, { replay, setStatus });
    assert.equal((await runtime.get("shy")).status, "failed", call);
  }
  const woken = runtime.wake("shy");
  await clock.advance(2000);
  assert.deepEqual([(await runtime.get("shy")).status, tries], ["active", 2]);
  await woken;
});
