import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startLocal } from "../../src/backends/local.ts";
import { defineAgent, defineRuntime } from "../../src/index.ts";
import type { AgentOptions, Context } from "../../src/index.ts";
import { scriptedModel } from "../../src/models/scripted.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { CALL, PRICES, spender, times, USAGE } from "./spender.ts";

void test("a try that broke off costs what it used, beside that which gave the answer", async () => {
  const { say, spent } = await spender([
    { text: "x".repeat(40), chunk: 40, usage: USAGE, fault: { kind: "disconnect", after: 1 } },
    { text: "Fine", usage: USAGE },
  ]);
  const record = await say("Hi");
  assert.equal(record.outcome, "done");
  const { total } = (await spent())!;
  // 40 bytes are 10 tokens; how much of the prompt counts is an estimate.
  assert.ok(total.usd > CALL.usd + 20, `${total.usd} micro-USD`);
  assert.ok(total.tokens > CALL.tokens + 10, `${total.tokens} tokens`);
  assert.equal(record.steps![0]!.used!.usd, total.usd);
});

void test("tries that all broke off cost what they used, though the step failed", async () => {
  const { say, spent, settle } = await spender(() => ({
    text: "x".repeat(40),
    chunk: 40,
    fault: { kind: "disconnect", after: 1 },
  }));
  await say("Hi");
  await settle();
  const { total } = (await spent())!;
  // Two ticks of three tries.
  assert.ok(total.tokens >= 6 * 10, `${total.tokens} tokens`);
  assert.ok(total.usd >= 6 * 20, `${total.usd} micro-USD`);
});

void test("a call is not tried again where that could cost more than is left", async () => {
  const { say, model } = await spender(
    () => ({ text: "x".repeat(400), chunk: 400, fault: { kind: "disconnect", after: 1 } }),
    { budget: { perDay: { tokens: 200 } }, think: { request: { maxOutputTokens: 100 } } },
  );
  const record = await say("Hi");
  assert.equal(model.calls.length, 1);
  assert.equal(record.error?.code, "BUDGET");
  assert.equal(record.outcome, "failed");
});

void test("what could cost more than is left is not begun, and nobody is to blame", async () => {
  const { runtime, say, model, spent } = await spender(() => ({ text: "Fine", usage: USAGE }), {
    budget: { perDay: { usd: "0.003" } },
    retry: { retries: 3, backoff: 1, quarantineAfter: 2 },
  });
  for (let i = 0; i < 35; i += 1) await say("Hi");
  // 256 tokens of output are 512 micro-USD, and so much has to be left.
  assert.ok(model.calls.length > 10 && model.calls.length < 32, `${model.calls.length} calls`);
  assert.deepEqual((await spent())!.today, times(model.calls.length));
  const { status, lastTick } = await runtime.status("a");
  assert.notEqual(status, "quarantined");
  assert.equal(lastTick!.error!.code, "BUDGET");
  assert.match(
    lastTick!.error!.message,
    /^Cannot go on: it may cost \$0\.00\d+, and \$0\.00\d+ of the budget \(\$0\.003 a day\) are left: wait until tomorrow \(UTC\), or raise "budget\.perDay\.usd"; /,
  );
  const dead = await runtime.deadLetters("a", 0, 100);
  assert.equal(dead.length, 35 - model.calls.length);
});

void test("a new day (UTC) has a budget of its own, and what was refused can be replayed", async () => {
  const { runtime, clock, say, settle, model, spent } = await spender(
    () => ({ text: "Fine", usage: USAGE }),
    { budget: { perDay: { tokens: 1000 } } },
  );
  for (let i = 0; i < 10; i += 1) await say("Hi");
  const before = model.calls.length;
  assert.ok(before > 2 && before < 10, `${before} calls`);
  await clock.advance(12 * 3_600_000);
  assert.equal((await spent())!.today.tokens, 0, "nobody has spent anything today");
  const [dead] = await runtime.deadLetters("a", 0, 1);
  await runtime.replay("a", dead!.envelope.id);
  await settle();
  assert.equal(model.calls.length, before + 1);
  const after = (await spent())!;
  assert.equal(after.day, "2026-03-29");
  assert.deepEqual([after.today, after.total], [times(1), times(before + 1)]);
});

void test("a model whose price nobody knows is not asked where money has a budget", async () => {
  const { runtime, say, model } = await spender(["Fine"], { think: { prices: {} } });
  const record = await say("Hi");
  assert.equal(record.error!.code, "CONFIG");
  assert.match(record.error!.message, /its price is not known: give it in "think\.prices"$/);
  assert.equal(model.calls.length, 0);
  assert.equal((await runtime.deadLetters("a", 0, 10)).length, 1, "it is not tried again");
});

void test("the same is asked where tokens alone have a budget, and counts as unpriced", async () => {
  const { say, spent } = await spender([{ text: "Fine", usage: USAGE }], {
    think: { prices: {} },
    budget: { perDay: { tokens: 100_000 } },
  });
  await say("Hi");
  const { total, unpriced } = (await spent())!;
  assert.deepEqual([total, unpriced], [{ usd: 0, tokens: 110 }, 1]);
});

void test("a call counts once, over a wait, tries, the dead letters and a replay of those", async () => {
  let broken = true;
  const { runtime, clock, say, settle, model, spent } = await spender(
    () => ({ text: "Fine", usage: USAGE }),
    {
      async onMessage(ctx: Context) {
        await ctx.model.generate({ prompt: "One" });
        await ctx.sleep("1m");
        await ctx.model.generate({ prompt: "Two" });
        if (broken) throw new Error("Broken");
      },
    },
  );
  await say("Go");
  assert.deepEqual((await spent())!.total, times(1), "while it waits");
  await clock.advance(60_000);
  await settle();
  assert.deepEqual((await spent())!.total, times(2), "after two tries");
  const [dead] = await runtime.deadLetters("a", 0, 1);
  broken = false;
  await runtime.replay("a", dead!.envelope.id);
  await clock.advance(60_000);
  await settle();
  assert.equal((await runtime.status("a")).lastTick!.outcome, "done");
  assert.deepEqual([(await spent())!.total, model.calls.length], [times(2), 2]);
});

void test("a call counts once where the process dies before its tick is committed", async () => {
  const store = memoryStore();
  let hangs = true;
  let reached: () => void;
  const there = new Promise<void>((resolve) => (reached = resolve));
  const options: Partial<AgentOptions> = {
    async onMessage(ctx: Context) {
      await ctx.model.generate({ prompt: "One" });
      if (!hangs) return;
      reached();
      await new Promise(() => undefined);
    },
  };
  const first = await spender([{ text: "Fine", usage: USAGE }], options, { store });
  await first.runtime.send("a", { payload: "Go" });
  const going = first.clock.advance(0);
  await there;
  store.crash();
  hangs = false;
  const second = await spender([], options, { store, clock: first.clock });
  for (let i = 0; i < 20; i += 1) await second.clock.advance(10_000);
  const { lastTick } = await second.runtime.status("a");
  assert.deepEqual([lastTick!.outcome, lastTick!.steps![0]!.replayed], ["done", true]);
  assert.deepEqual((await second.spent())!.total, times(1));
  void going;
});

void test("steps that are begun at once share what is left", async () => {
  const results: string[] = [];
  const { say, model } = await spender(() => ({ text: "Fine", usage: USAGE }), {
    budget: { perDay: { tokens: 20_000 } },
    async onMessage(ctx: Context) {
      const asked = [1, 2, 3, 4].map((n) => ctx.model.generate({ prompt: `${n}`, name: `m${n}` }));
      for (const one of await Promise.allSettled(asked)) results.push(one.status);
    },
  });
  await say("Go");
  assert.deepEqual(results, ["fulfilled", "fulfilled", "rejected", "rejected"]);
  assert.equal(model.calls.length, 2);
});

void test("whoever asks over HTTP is told that the budget is used up, and sees what was spent", async () => {
  const dir = mkdtempSync(join(tmpdir(), "openagents-budget-"));
  const model = scriptedModel(() => ({ text: "Fine", usage: USAGE }));
  const agent = defineAgent({
    name: "a",
    model,
    budget: { perDay: { tokens: 500 } },
    think: { prices: PRICES },
  });
  const local = await startLocal({
    definition: defineRuntime({ agents: [agent], ensure: [{ name: "a", type: "a" }] }),
    data: dir,
    port: 0,
    warn: () => undefined,
  });
  try {
    const call = (path: string, body?: unknown) =>
      fetch(`${local.url}${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: { authorization: `Bearer ${local.token}`, "content-type": "application/json" },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    const send = () => call("/agents/a/send?wait=20s", { text: "Hi" });
    type Sent = { outcome: string; error?: { code: string; message: string } };
    const sent: Sent[] = [];
    for (let i = 0; i < 3; i += 1) sent.push((await (await send()).json()) as Sent);
    assert.deepEqual(
      sent.map(({ outcome }) => outcome),
      ["done", "done", "failed"],
    );
    const { code, message } = sent[2]!.error!;
    assert.equal(code, "BUDGET");
    assert.match(
      message,
      /^Cannot go on: it may cost \d+ tokens, and 280 tokens of the budget \(500/,
    );
    const report = await call("/agents/a/status");
    const { spent } = (await report.json()) as { spent: Record<string, unknown> };
    assert.deepEqual([spent["today"], spent["unpriced"]], [times(2), 0]);
    const file = (await (await call("/fs/agents/a/status")).json()) as { spent: unknown };
    assert.deepEqual(file.spent, spent);
  } finally {
    await local.stop(0);
    rmSync(dir, { recursive: true, force: true });
  }
});
