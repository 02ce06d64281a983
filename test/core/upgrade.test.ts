import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent } from "../../src/index.ts";
import type { AgentOptions, Context } from "../../src/index.ts";
import { paths } from "../../src/core/tree.ts";
import { HOUR, setting } from "./setting.ts";
import type { Setting } from "./setting.ts";

type Hook = NonNullable<AgentOptions["onMessage"]>;
type Rest = Partial<AgentOptions>;

/** What was done outside, in order. */
let did: string[] = [];

const work = (ctx: Context, name: string): Promise<string> =>
  ctx.step(name, () => {
    did.push(name);
    return name;
  });

const agent = (revision: string, onMessage: Hook, rest: Rest = {}) =>
  defineAgent({ name: "a", retry: { retries: 1, backoff: "1h" }, ...rest, revision, onMessage });

const problems: string[] = [];

/** A home that ran the old code up to its park or retry, and then a crash; and the new one, an hour later. */
async function upgraded(before: Hook, after: Hook, rest: Rest = {}): Promise<Setting> {
  did = [];
  const { store, clock, runtime, tell } = await setting([agent("old", before, rest)]);
  await tell("a", "x", "m");
  await runtime.stop(0).catch(() => undefined);
  store.crash();
  did.push("|");
  problems.length = 0;
  const onProblem = (problem: string): void => void problems.push(problem);
  const next = await setting([agent("new", after, rest)], { store, clock, onProblem });
  await clock.advance(HOUR + 11_000);
  return next;
}

/** What has become of the trigger, whose dead letter it may be. */
async function end({ runtime }: Setting) {
  const { lastTick, status, parked } = await runtime.status("a");
  assert.equal((await runtime.verify("a")).ok, true);
  const [dead] = await runtime.deadLetters("a", 0, 9);
  return {
    outcome: lastTick?.outcome,
    error: lastTick?.error,
    status,
    parked,
    reason: dead?.reason,
  };
}

const old: Hook = async (ctx) => {
  await work(ctx, "one");
  await work(ctx, "two");
  await ctx.sleep("1h");
  await work(ctx, "three");
};

void test("a tick that other code has begun goes on where it asks for the same", async () => {
  const next = await upgraded(old, async (ctx) => {
    await work(ctx, "one");
    await work(ctx, "two");
    await ctx.sleep("2h");
    await work(ctx, "another");
    await ctx.reply("well");
  });
  assert.deepEqual(did, ["one", "two", "|", "another"]);
  assert.equal((await end(next)).outcome, "done");
  assert.deepEqual(problems, []);
});

const misfits: Readonly<Record<string, readonly [does: string, asked: string, hook: Hook]>> = {
  "does something new before what is done": [
    'asks for "step:new#0"',
    "step:one#0",
    async (ctx) => {
      await work(ctx, "new");
      await old(ctx, undefined as never);
    },
  ],
  "does something new between": [
    'asks for "step:new#0"',
    "step:two#0",
    async (ctx) => {
      await work(ctx, "one");
      await work(ctx, "new");
      await work(ctx, "two");
    },
  ],
  "does the same in another order": [
    'asks for "step:two#0"',
    "step:one#0",
    async (ctx) => {
      await work(ctx, "two");
      await work(ctx, "one");
      await ctx.sleep("1h");
    },
  ],
  "waits no more": [
    'asks for "step:three#0"',
    "sleep#0",
    async (ctx) => {
      await work(ctx, "one");
      await work(ctx, "two");
      await work(ctx, "three");
    },
  ],
  "waits for something else": [
    'asks for "request:a#0"',
    "sleep#0",
    async (ctx) => {
      await work(ctx, "one");
      await work(ctx, "two");
      await ctx.request("a", "x");
    },
  ],
  "comes to its end sooner": ["ends", "step:two#0", async (ctx) => void (await work(ctx, "one"))],
  "takes no notice of what it is told": [
    'asks for "step:new#0"',
    "step:one#0",
    async (ctx) => {
      await work(ctx, "new").catch(() => undefined);
      await ctx.reply("I went on");
    },
  ],
  "begins something new beside what fits": [
    'asks for "step:new#0"',
    "step:two#0",
    async (ctx) => {
      await Promise.all([work(ctx, "new"), work(ctx, "one")]);
    },
  ],
};

for (const [name, [does, asked, hook]] of Object.entries(misfits)) {
  void test(`a tick that other code has begun is a dead letter where the code ${name}`, async () => {
    const next = await upgraded(old, hook);
    const { outcome, error, status, parked, reason } = await end(next);
    const message = `Cannot go on with "m" of "a": revision "new" ${does} where revision "old" asked for "${asked}": run revision "old" and replay the dead letter, or discard it, or set "onMismatch" of agent "a" to "restart"`;
    assert.deepEqual(error, { code: "MISMATCH", message });
    assert.deepEqual([outcome, status, parked, reason], ["failed", "active", [], message]);
    assert.deepEqual(did, ["one", "two", "|"]);
    assert.deepEqual(problems, ["A tick of other code is given up"]);
    const { counts } = next.runtime.metrics();
    assert.deepEqual(counts.mismatches, { failed: 1, restarted: 0 });
    // The old code can still do it, and does nothing of it twice.
    const { store, clock, runtime } = next;
    await runtime.stop(0).catch(() => undefined);
    store.crash();
    const back = await setting([agent("old", old)], { store, clock });
    await back.runtime.replay("a", "m");
    await clock.advance(2 * HOUR);
    assert.equal((await end(back)).outcome, "done");
    assert.deepEqual(did, ["one", "two", "|", "three"]);
  });
}

void test("a tick that other code has begun runs from its start where that is the policy", async () => {
  const keys: string[] = [];
  const keyed = (ctx: Context, name: string): Promise<void> =>
    ctx.step(name, ({ key }) => {
      did.push(name);
      keys.push(key);
    });
  const next = await upgraded(
    async (ctx) => {
      await keyed(ctx, "one");
      await ctx.sleep("1h");
    },
    async (ctx) => {
      await work(ctx, "new");
      await keyed(ctx, "one");
      await ctx.sleep("1h");
      await ctx.reply("well");
    },
    { onMismatch: "restart" },
  );
  const { clock, runtime, store } = next;
  assert.deepEqual(did, ["one", "|", "new", "one"]);
  assert.equal(keys[0], keys[1]);
  assert.deepEqual((await end(next)).parked, ["m"]);
  await clock.advance(HOUR + 11_000);
  assert.deepEqual([(await end(next)).outcome, did.length], ["done", 4]);
  const rows = await runtime.log("a", 0, 99);
  const restarted = rows.find(({ record }) => record.includes('"MISMATCH"'))!;
  assert.match(restarted.output!, /"level":"warn","text":"Cannot go on with \\"m\\" .*begins anew/);
  const { outcome, removed } = JSON.parse(restarted.record) as Record<string, unknown>;
  assert.deepEqual([outcome, (removed as string[]).includes(paths.journal("m"))], ["retry", true]);
  assert.deepEqual(problems, ["A tick of other code begins anew"]);
  assert.deepEqual(runtime.metrics().counts.mismatches, { failed: 0, restarted: 1 });
  const { id } = (await store.get("a"))!;
  assert.deepEqual(await store.files(id, { prefix: "journal/", limit: 9 }), []);
});

void test("mail that is tried again under other code is checked too, and a restart is no try", async () => {
  const before: Hook = async (ctx) => {
    await work(ctx, "one");
    throw new Error("not yet");
  };
  const after: Hook = async (ctx) => {
    await work(ctx, "two");
    throw new Error("nor now");
  };
  const failed = await upgraded(before, after);
  assert.equal((await end(failed)).error?.code, "MISMATCH");
  const restarted = await upgraded(before, after, { onMismatch: "restart" });
  assert.deepEqual(did, ["one", "|", "two"]);
  const { outcome, error } = await end(restarted);
  assert.deepEqual([outcome, error?.message], ["failed", "nor now"]);
});

void test("an alarm that is tried again under other code begins anew", async () => {
  const alarm = (name: string) => ({
    onMessage: (ctx: Context) => void ctx.schedule({ in: "1m" }, null, { id: "bell" }),
    onAlarm: async (ctx: Context): Promise<void> => {
      await work(ctx, name);
      if (name === "old") throw new Error("not yet");
    },
  });
  did = [];
  const defined = (name: string) =>
    defineAgent({
      name: "a",
      revision: name,
      retry: { retries: 1, backoff: "1h" },
      onMismatch: "restart",
      ...alarm(name),
    });
  const { store, clock, runtime, tell } = await setting([defined("old")]);
  await tell("a", "x");
  await clock.advance(120_000);
  await runtime.stop(0).catch(() => undefined);
  store.crash();
  const next = await setting([defined("new")], { store, clock });
  await clock.advance(HOUR + 11_000);
  assert.deepEqual(did, ["old", "new"]);
  assert.deepEqual([(await end(next)).outcome, (await end(next)).parked], ["done", []]);
});

void test("branches may go on in another order under other code, each with what is its own", async () => {
  const branches: Hook = async (ctx) => {
    const branch = async (name: string, duration: "1m" | "2m" | "1h"): Promise<void> => {
      await work(ctx, `${name}1`);
      await ctx.sleep(duration);
      await work(ctx, `${name}2`);
      await ctx.sleep(duration);
    };
    await Promise.all([branch("a", "2m"), branch("b", "1m"), branch("c", "1h")]);
    await ctx.reply("well");
  };
  did = [];
  const { store, clock, tell } = await setting([agent("0", branches)]);
  await tell("a", "x", "m");
  // Each wakes up under other code than the one before.
  let next: Setting | undefined;
  for (let i = 1; i < 12; i += 1) {
    store.crash();
    next = await setting([agent(String(i), branches)], { store, clock });
    await clock.advance(i < 8 ? 61_000 : HOUR);
    await next.runtime.stop(0).catch(() => undefined);
  }
  store.crash();
  const last = await setting([agent("last", branches)], { store, clock });
  assert.equal((await end(last)).outcome, "done");
  assert.deepEqual(did.toSorted(), ["a1", "a2", "b1", "b2", "c1", "c2"]);
});

void test("a step that failed and was caught may be done anew by other code, where it stood", async () => {
  const flaky: Hook = async (ctx) => {
    await ctx
      .step("flaky", () => {
        did.push("flaky");
        if (!did.includes("|")) throw new Error("not yet");
      })
      .catch(() => undefined);
    await work(ctx, "one");
    await ctx.sleep("1h");
    await ctx.reply("well");
  };
  const next = await upgraded(flaky, flaky);
  assert.deepEqual([(await end(next)).outcome, did], ["done", ["flaky", "one", "|", "flaky"]]);
  const other = await upgraded(flaky, async (ctx) => {
    await work(ctx, "other");
    await work(ctx, "one");
  });
  assert.deepEqual([(await end(other)).error?.code, did], ["MISMATCH", ["flaky", "one", "|"]]);
});

void test("a dead letter is replayed by mended code, also after a request that had failed", async () => {
  const bug = (broken: boolean): Hook =>
    async function (ctx) {
      const answer = await ctx.request("nobody", "x").catch(() => "no answer");
      await work(ctx, answer as string);
      if (broken) throw new Error("a bug");
      await ctx.reply("well");
    };
  const rest = { retry: { retries: 0 } };
  const next = await upgraded(bug(true), bug(false), rest);
  assert.equal((await end(next)).reason, "a bug");
  await next.runtime.replay("a", "m");
  await next.clock.advance(HOUR + 11_000);
  assert.deepEqual([(await end(next)).outcome, did], ["done", ["no answer", "|"]]);
});

void test("onWake of other code is checked by itself, and when it does not run it is not missed", async () => {
  const before: Hook = async (ctx) => {
    await work(ctx, "one");
    await ctx.sleep("1h");
    await ctx.reply("well");
  };
  const wakes = (name: string): Rest => ({ onWake: async (ctx) => void (await work(ctx, name)) });
  did = [];
  const woken = [agent("old", before, wakes("wake"))];
  const { store, clock, runtime } = await setting(woken);
  await runtime.stop(0).catch(() => undefined);
  store.crash();
  const first = await setting(woken, { store, clock });
  await first.tell("a", "x", "m");
  await first.runtime.stop(0).catch(() => undefined);
  store.crash();
  const other = await setting([agent("new", before, wakes("another"))], { store, clock });
  await clock.advance(HOUR + 11_000);
  const { error } = await end(other);
  assert.match(error?.message ?? "", /"onWake\/step:another#0" where .* "onWake\/step:wake#0"/);
  assert.deepEqual(did, ["wake", "one"]);
  await other.runtime.stop(0).catch(() => undefined);
  store.crash();
  const without = await setting([agent("newer", before)], { store, clock });
  await without.runtime.replay("a", "m");
  await clock.advance(2 * HOUR);
  assert.equal((await end(without)).outcome, "done");
  assert.deepEqual(did, ["wake", "one"]);
});

void test("what an older release has journaled goes on as it did", async () => {
  did = [];
  const { store, clock, runtime, tell } = await setting([agent("old", old)]);
  await tell("a", "x", "m");
  await runtime.stop(0).catch(() => undefined);
  store.crash();
  const { id } = (await store.get("a"))!;
  const claim = (await store.claim(id, 0, Number.MAX_SAFE_INTEGER))!;
  const text = async (path: string): Promise<string> =>
    String((await store.read(id, [path]))[0]).replaceAll(/,"(at|code)":("old"|\d)(?=[,}])/g, "");
  for (const path of [paths.step("m", "step:one#0"), paths.step("m", "step:two#0")]) {
    const value = await text(path);
    assert.doesNotMatch(value, /code/);
    await store.journal(claim, [{ path, value }]);
  }
  await store.release(claim);
  const next = await setting([agent("new", old)], { store, clock });
  await clock.advance(HOUR + 11_000);
  const { lastTick } = await next.runtime.status("a");
  assert.deepEqual([lastTick?.outcome, did], ["done", ["one", "two", "three"]]);
});

void test("a parked tick whose definition is gone waits until it is there again, and status says so", async () => {
  did = [];
  const { store, clock, runtime, tell } = await setting([agent("old", old)]);
  await tell("a", "x", "m");
  assert.equal((await runtime.status("a")).problem, undefined);
  await runtime.stop(0).catch(() => undefined);
  store.crash();
  const without = await setting([defineAgent({ name: "b" })], { store, clock });
  await clock.advance(HOUR + 11_000);
  const { problem, parked } = await without.runtime.status("a");
  assert.match(problem ?? "", /no agent type "a"/);
  assert.deepEqual([parked, did], [["m"], ["one", "two"]]);
  await without.runtime.stop(0).catch(() => undefined);
  store.crash();
  const again = await setting([agent("new", old)], { store, clock });
  await clock.advance(HOUR + 11_000);
  assert.equal((await end(again)).outcome, "done");
  assert.deepEqual(did, ["one", "two", "three"]);
});

void test("defineAgent() knows code by its sources, or by what it is told", () => {
  const of = (rest: Rest): string => defineAgent({ name: "a", ...rest }).revision;
  const hook: Hook = (ctx) => ctx.reply("one");
  assert.match(of({ onMessage: hook }), /^[0-9a-f]{8}$/);
  assert.equal(of({ onMessage: hook }), of({ onMessage: hook, timeout: "1h" }));
  assert.notEqual(of({ onMessage: hook }), of({ onMessage: (ctx) => ctx.reply("two") }));
  assert.notEqual(of({ onMessage: hook }), of({ onTrigger: hook as Rest["onTrigger"] & {} }));
  assert.notEqual(of({}), of({ version: 2, migrate: (state) => state }));
  assert.equal(of({ onMessage: hook, revision: "abc" }), "abc");
  for (const revision of ["", "x".repeat(65), 7]) {
    assert.throws(() => of({ revision } as Rest), {
      code: "CONFIG",
      message: /"revision" must be/,
    });
  }
  assert.throws(() => of({ onMismatch: "ignore" } as unknown as Rest), { code: "CONFIG" });
});

void test("a hook that ends and has not asked for what is journaled says so in the log of its tick, whatever its revision", async () => {
  did = [];
  const tries: string[] = [];
  const hook: Hook = async (ctx) => {
    tries.push("try");
    const names = tries.length === 1 ? ["one", "two", "three"] : ["two"];
    for (const name of names) await work(ctx, name);
    if (tries.length === 1) throw new Error("not yet");
  };
  const { runtime, clock, tell } = await setting([agent("same", hook)]);
  const lines: unknown[] = [];
  runtime.watch(undefined, ({ output }) => lines.push(...(output.logs ?? [])));
  await tell("a", "x", "m");
  await clock.advance(HOUR + 1_000);
  assert.deepEqual(did, ["one", "two", "three"]);
  assert.equal((await runtime.status("a")).lastTick?.outcome, "done");
  assert.deepEqual(
    lines.map((line) => (line as { level: string; text: string }).text),
    ["The hook ended and did not ask for what it did before: step:one#0, step:three#0"],
  );
});

void test("a branch that is slow outside of all steps is waited for before other code is found to ask otherwise", async () => {
  let slow: Promise<unknown> | undefined;
  const both: Hook = async (ctx) => {
    const first = async (): Promise<void> => {
      if (slow !== undefined) await slow;
      await work(ctx, "first");
    };
    await Promise.all([first(), work(ctx, "second")]);
    await ctx.sleep("1h");
    await ctx.reply("well");
  };
  did = [];
  const { store, clock, runtime, tell } = await setting([agent("old", both)]);
  await tell("a", "x", "m");
  await runtime.stop(0).catch(() => undefined);
  store.crash();
  slow = new Promise((resolve) => {
    clock.after(HOUR + 2_000, () => resolve(undefined));
  });
  const next = await setting([agent("new", both, { onMismatch: "restart" })], { store, clock });
  for (let i = 0; i < 4; i += 1) await clock.advance(HOUR / 2 + 1_000);
  assert.equal((await end(next)).outcome, "done");
  assert.deepEqual(did.toSorted(), ["first", "second"]);
});
