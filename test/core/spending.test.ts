import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent } from "../../src/index.ts";
import type { AgentDefinition, Context } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { setting } from "./setting.ts";

/** A step that uses so many tokens. */
const use = (ctx: Pick<Context, "step">, name: string, tokens: number): Promise<void> =>
  ctx.step(name, ({ used }) => used({ tokens }), { worst: { tokens } });

const perDay = { tokens: 1000 };

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
