import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent } from "../../src/index.ts";
import type { AgentDefinition, Context } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { HOUR, setting } from "./setting.ts";

/** A step that uses so many tokens. */
const use = (ctx: Pick<Context, "step">, name: string, tokens: number): Promise<void> =>
  ctx.step(name, ({ used }) => used({ tokens }), { worst: { tokens } });

const perDay = { tokens: 1000 };
const DAY = 24 * HOUR;

for (const onMismatch of ["restart", "fail"] as const) {
  void test(`what was journaled by other code counts, also where it is dropped: onMismatch "${onMismatch}"`, async () => {
    const store = memoryStore();
    const begun = Promise.withResolvers<void>();
    const agent = (revision: string, onMessage: (ctx: Context) => Promise<void>): AgentDefinition =>
      defineAgent({ name: "a", revision, onMismatch, budget: { perDay }, onMessage });
    const before = await setting(
      [
        agent("1", async (ctx) => {
          await use(ctx, "one", 900);
          begun.resolve();
          await new Promise(() => undefined);
        }),
      ],
      { store },
    );
    await before.runtime.send("a", { payload: "go", id: "m1" });
    await before.clock.advance(0);
    await begun.promise;
    void before.runtime.stop(0).catch(() => undefined);
    store.crash();
    const { runtime, clock, tell } = await setting([agent("2", (ctx) => use(ctx, "two", 50))], {
      store,
    });
    for (let i = 0; i < 9; i += 1) await clock.advance(1000);
    const counted = onMismatch === "restart" ? 950 : 900;
    assert.equal((await runtime.status("a")).spent?.today.tokens, counted);
    if (onMismatch === "fail") await runtime.discard("a", "m1");
    await tell("a", "again");
    assert.equal((await runtime.status("a")).spent?.today.tokens, counted + 50);
    assert.equal((await runtime.verify("a")).ok, true);
  });
}

void test("what a tick cost counts also where its outcome cannot be written down", async () => {
  const agent = defineAgent({
    name: "a",
    retry: { retries: 0 },
    budget: { perDay },
    onMessage: (ctx) => use(ctx, "one", 900),
  });
  let refuses = false;
  const store = new Proxy(memoryStore(), {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...given: unknown[]): unknown => {
        if (name !== "commit" || !refuses) return Reflect.apply(member, target, given);
        refuses = false;
        throw new TypeError("It is no text");
      };
    },
  });
  const { runtime, clock } = await setting([agent], { store });
  await runtime.send("a", { payload: "go" });
  refuses = true;
  await clock.advance(0);
  const { lastTick, spent } = await runtime.status("a");
  assert.equal(lastTick?.outcome, "failed");
  assert.equal(spent?.today.tokens, 900);
});

void test("what a step used is said in text that can be written down", async () => {
  const agent = defineAgent({
    name: "a",
    retry: { retries: 0 },
    onMessage: (ctx) => ctx.step("s", ({ used }) => used({ tokens: 1, by: "\ud800" })),
  });
  const { tell } = await setting([agent]);
  const { error } = await tell("a", "go");
  assert.equal(error?.code, "INVALID");
  assert.match(error.message, /well-formed/);
});

/** Spends what it may at each message, if it has a parent. */
const leaf = defineAgent({
  name: "leaf",
  retry: { retries: 0 },
  async onMessage(ctx) {
    if (ctx.agent.parent !== undefined) await use(ctx as unknown as Context, "all", 1000);
  },
});

/** An agent that makes children of a type, which get all that it has. */
const maker = (name: string, type: string, more: { readonly budget?: { perDay: Amount } } = {}) =>
  defineAgent({
    name,
    ...more,
    retry: { retries: 0 },
    async onMessage(ctx, message) {
      if (message.source === "agent" && ctx.agent.parent === undefined) return;
      if (name === "mid" && ctx.agent.parent === undefined) return;
      const child = name === "mid" ? `${ctx.agent.name}-leaf` : message.text;
      await ctx.spawn(child, { type, payload: "go", budget: { perDay } });
    },
  });

interface Amount {
  readonly tokens: number;
}

void test("what a child spent until it ended is no more there for the next one that day", async () => {
  const { runtime, clock, tell } = await setting([
    maker("lead", "leaf", { budget: { perDay } }),
    leaf,
  ]);
  await tell("lead", "one");
  await clock.advance(5);
  assert.equal((await runtime.status("one")).spent?.today.tokens, 1000);
  await runtime.terminate("one");
  await clock.advance(5);
  const { spent } = await runtime.status("lead");
  assert.deepEqual(
    [spent?.today, spent?.given, spent?.total].map((total) => total?.tokens),
    [0, 1000, 0],
  );
  assert.equal((await tell("lead", "two")).error?.code, "LIMIT");
  await clock.advance(DAY);
  assert.equal((await tell("lead", "two")).outcome, "done");
  assert.equal((await runtime.status("lead")).spent?.given, undefined);
});

void test("children of a child that ended are its parent's, with their shares, until they end", async () => {
  const agents = [maker("lead", "mid", { budget: { perDay } }), maker("mid", "leaf"), leaf];
  const { runtime, store, clock, tell } = await setting(agents);
  const { id } = await runtime.get("lead");
  const entries = async (): Promise<readonly string[]> => {
    const rows = await store.files(id, { prefix: "children/", limit: 9 });
    return rows.map(({ value }) => (JSON.parse(value as string) as { name: string }).name);
  };
  await tell("lead", "one");
  await clock.advance(5);
  await runtime.terminate("one");
  await clock.advance(5);
  assert.deepEqual(await entries(), ["one-leaf"]);
  await clock.advance(DAY);
  assert.equal((await tell("lead", "two")).error?.code, "LIMIT", "its grandchild has all there is");
  await runtime.terminate("one-leaf");
  await clock.advance(5);
  assert.deepEqual(await entries(), []);
  assert.equal((await tell("lead", "three")).outcome, "done");
  assert.equal((await runtime.verify("lead")).ok, true);
});

void test("a child that ended just before its parent did is none of the one above", async () => {
  const agents = [maker("lead", "mid", { budget: { perDay } }), maker("mid", "leaf"), leaf];
  const { runtime, store, clock, tell } = await setting(agents);
  const { id } = await runtime.get("lead");
  await tell("lead", "one");
  await clock.advance(5);
  await Promise.all([runtime.terminate("one"), runtime.terminate("one-leaf")]);
  await clock.advance(5);
  assert.deepEqual(await store.files(id, { prefix: "children/", limit: 9 }), []);
});
