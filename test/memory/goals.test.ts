import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { defineAgent } from "../../src/index.ts";
import type { Context, Json } from "../../src/index.ts";
import { goalTree } from "../../src/memory/goals.ts";
import type { Goal, GoalChange, Goals, NewGoal } from "../../src/core/ports/memory.ts";
import { HOUR, setting, START } from "../core/setting.ts";

/** Does to its goals what it is told. */
const striver = defineAgent({
  name: "striver",
  state: { woken: 0, result: null as Json },
  retry: { retries: 0 },
  onWake: (ctx) => void (ctx.state.woken += 1),
  async onMessage(ctx: Context<{ woken: number; result: Json }>, message) {
    const { verb, args, fail } = message.payload as unknown as {
      verb: keyof Goals;
      args: never[];
      fail?: boolean;
    };
    const work = ctx.goals[verb] as (...args: never[]) => Promise<unknown>;
    ctx.state.result = ((await work(...args)) ?? null) as Json;
    if (fail === true) throw new Error("told to");
  },
});

/** A tree of goals over files in memory. */
function tree(): { readonly goals: Goals; readonly files: Map<string, string> } {
  const files = new Map<string, string>();
  let ids = 0;
  const goals = goalTree({
    files: {
      read: async (path) => files.get(path),
      list: async ({ prefix, after = "", limit }) =>
        [...files]
          .map(([path, value]) => ({ path, value }))
          .filter(({ path }) => path.startsWith(prefix) && path > after)
          .sort((a, b) => (a.path < b.path ? -1 : 1))
          .slice(0, limit),
      write: (path, text) => void files.set(path, text),
      remove: (path) => void files.delete(path),
      search: async () => [],
    },
    now: () => START,
    newId: () => `id-${(ids += 1)}`,
    npub: (key) => key,
  });
  return { goals, files };
}

void test("goals are kept with the tick's commit, and not without it", async () => {
  const { runtime, clock, store } = await setting([striver]);
  const tell = async (verb: string, args: Json[], fail = false): Promise<Json | undefined> => {
    await runtime.send("striver", { payload: { verb, args, fail } });
    await clock.advance(0);
    return (await runtime.state("striver"))["result"];
  };
  const goal = { id: "a", title: "Learn", status: "open", priority: 0, progress: 0 };
  const times = { createdAt: START, updatedAt: START };
  assert.deepEqual(await tell("add", [{ id: "a", title: "Learn" }]), { ...goal, ...times });
  await tell("add", [{ id: "b", title: "Read", parent: "a", priority: 5, note: "one book" }]);
  await tell("add", [{ id: "lost", title: "Never" }], true);
  await clock.advance(1000);
  await tell("update", ["b", { progress: 0.5, note: null }]);
  store.crash();
  const kept = await runtime.goals("striver", "", 9);
  assert.deepEqual(
    kept.map(({ revision: _revision, ...rest }) => rest),
    [
      { ...goal, ...times },
      {
        ...goal,
        id: "b",
        title: "Read",
        priority: 5,
        progress: 0.5,
        parent: "a",
        createdAt: START,
        updatedAt: START + 1000,
      },
    ],
  );
  assert.deepEqual(
    (await runtime.goals("striver", "a", 9)).map(({ id }) => id),
    ["b"],
  );
  await tell("remove", ["a"]);
  const [left] = await runtime.goals("striver", "", 9);
  assert.deepEqual([left?.id, left?.parent], ["b", undefined]);
  assert.equal((await runtime.verify("striver")).ok, true);
});

void test("operators change goals by ticks that are on the record and run no hook", async () => {
  const { runtime, clock, tell } = await setting([striver]);
  await runtime.hibernate("striver");
  const { ticks } = await runtime.status("striver");
  const { id } = await runtime.addGoal("striver", { title: "Learn", progress: 0.25 });
  const child = await runtime.addGoal("striver", { id: "child", title: "Read", parent: id });
  assert.equal(child.parent, id);
  await clock.advance(5);
  const changed = await runtime.updateGoal("striver", "child", { status: "done", parent: null });
  assert.deepEqual([changed.status, changed.updatedAt - changed.createdAt], ["done", 5]);
  await runtime.removeGoal("striver", id);
  const report = await runtime.status("striver");
  assert.deepEqual(
    [report.ticks - ticks, Object.keys(report.lastTick?.wrote ?? {}), report.lastTick?.removed],
    [4, ["meta/goals"], [`goals/${id}`]],
  );
  assert.deepEqual((await runtime.goals("striver", "", 9)).length, 1);
  assert.equal((await runtime.state("striver"))["woken"], 0);
  await tell("striver", "wakes it");
  assert.equal((await runtime.verify("striver")).ok, true);
});

void test("what is wrong with a goal is said to the operator before it is a command", async () => {
  const { runtime, clock } = await setting([striver]);
  await runtime.addGoal("striver", { id: "a", title: "Learn" });
  const { ticks } = await runtime.status("striver");
  const wrong: readonly (readonly [NewGoal, string])[] = [
    [{ id: "a", title: "Again" }, "EXISTS"],
    [{ title: "" }, "INVALID"],
    [{ title: "x".repeat(501) }, "INVALID"],
    [{ title: "x", note: "x".repeat(10_001) }, "INVALID"],
    [{ title: "x", result: "x".repeat(10_001) }, "INVALID"],
    [{ title: "x", result: "" }, "INVALID"],
    [{ title: "x", parent: "none" }, "INVALID"],
    [{ title: "x", progress: 2 }, "INVALID"],
    [{ title: "x", priority: 0.5 }, "INVALID"],
    [{ title: "x", status: "late" as "open" }, "INVALID"],
    [{ id: "a/b", title: "x" }, "INVALID"],
  ];
  for (const [goal, code] of wrong) {
    await assert.rejects(runtime.addGoal("striver", goal), { code }, JSON.stringify(goal));
  }
  await assert.rejects(runtime.updateGoal("striver", "none", {}), { code: "NOT_FOUND" });
  await assert.rejects(runtime.updateGoal("striver", "a", { parent: "a" }), { code: "INVALID" });
  await assert.rejects(runtime.removeGoal("striver", "none"), { code: "NOT_FOUND" });
  assert.equal((await runtime.status("striver")).ticks, ticks);
  // Of two that ask for the same at once one is told that it came too late; nobody is blamed.
  const both = [1, 2].map(() => runtime.addGoal("striver", { id: "same", title: "x" }));
  const ends = await Promise.allSettled(both);
  assert.deepEqual(ends.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
  await runtime.pause("striver");
  await assert.rejects(runtime.addGoal("striver", { title: "x" }), { code: "BUSY" });
  assert.equal((await runtime.goals("striver", "", 9)).length, 2);
  await runtime.resume("striver");
  await clock.advance(HOUR);
  assert.equal((await runtime.get("striver")).status, "active");
});

void test("an agent has only so many goals, and room again for each that is removed", async () => {
  const { goals } = tree();
  for (let i = 0; i < 1000; i += 1) await goals.add({ title: `goal ${i}` });
  await assert.rejects(goals.add({ title: "one more" }), { code: "LIMIT", message: /1000 goals/ });
  await goals.remove("id-7");
  await goals.add({ title: "one more" });
});

void test("a goal has a result, until it is taken away", async () => {
  const { goals } = tree();
  const added = await goals.add({ id: "a", title: "Find it", result: "half of it" });
  assert.equal(added.result, "half of it");
  await goals.update("a", { result: "In the cellar", status: "done" });
  assert.equal((await goals.update("a", { progress: 1 })).result, "In the cellar");
  const without = await goals.update("a", { result: null });
  assert.ok(!("result" in without));
  assert.deepEqual(await goals.get("a"), without);
});

void test("goals that are changed at the same time are all counted, and no change is lost", async () => {
  const { goals, files } = tree();
  await Promise.all([1, 2, 3].map((i) => goals.add({ id: `g${i}`, title: "x" })));
  assert.equal(files.get("meta/goals"), "3");
  await Promise.all([
    goals.update("g1", { note: "n" }),
    goals.update("g1", { result: "r" }),
    goals.update("g1", { parent: "g2" }),
    goals.update("g2", { parent: "g1" }).catch(() => undefined),
  ]);
  const { note, result, parent } = (await goals.get("g1"))!;
  assert.deepEqual([note, result, parent], ["n", "r", "g2"]);
  assert.equal((await goals.get("g2"))?.parent, undefined);
  const same = [1, 2].map(() => goals.add({ id: "same", title: "x" }));
  const ends = await Promise.allSettled(same);
  assert.deepEqual(ends.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
  await Promise.all([goals.remove("g3"), goals.remove("same")]);
  assert.equal(files.get("meta/goals"), "2");
});

void test("whatever is done to them, goals are a tree", async () => {
  const id = fc.constantFrom("a", "b", "c", "d");
  const parent = fc.option(id, { nil: undefined });
  const step = fc.oneof(
    fc.tuple(fc.constant("add" as const), id, parent),
    fc.tuple(fc.constant("update" as const), id, fc.option(id)),
    fc.tuple(fc.constant("remove" as const), id, fc.constant(undefined)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      const { goals, files } = tree();
      for (const [verb, one, above] of steps) {
        const change: GoalChange = { parent: above };
        const done =
          verb === "add"
            ? goals.add({ id: one, title: "x", parent: above })
            : verb === "update"
              ? goals.update(one, change)
              : goals.remove(one);
        await Promise.resolve(done).catch((error: { code: string }) =>
          assert.match(error.code, /^(EXISTS|NOT_FOUND|INVALID)$/),
        );
      }
      const all = await goals.list();
      const byId = new Map<string, Goal>(all.map((goal) => [goal.id, goal]));
      assert.equal(Number(files.get("meta/goals") ?? 0), all.length);
      for (const goal of all) {
        let [height, at]: [number, Goal | undefined] = [0, goal];
        for (; at?.parent !== undefined; at = byId.get(at.parent)) height += 1;
        assert.ok(at !== undefined && height < all.length, "each has a way up to a root");
      }
    }),
  );
});
