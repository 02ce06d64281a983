import assert from "node:assert/strict";
import { test } from "node:test";
import { spender } from "./spender.ts";

const short = { text: "Fine", usage: { input: 20, output: 10 } };

void test("a budget of few tokens is used: answers are made as short as it needs", async () => {
  const { say, model } = await spender(() => short, { budget: { perDay: { tokens: 2000 } } });
  const record = await say("Hi");
  assert.equal(record.outcome, "done");
  const { maxOutputTokens } = model.calls[0]!.options;
  assert.ok(maxOutputTokens! > 1500 && maxOutputTokens! < 2000, `${maxOutputTokens} tokens`);
});

void test("a budget of little money is used, and at its end the answer has 256 tokens or none", async () => {
  const { runtime, say, model } = await spender(
    () => ({ text: "Fine", usage: { input: 20, output: 300 } }),
    { budget: { perDay: { usd: "0.003" } }, think: { conversation: ({ id }) => id } },
  );
  const records = [];
  for (let i = 0; i < 6; i += 1) records.push(await say("Hi"));
  const lengths = model.calls.map(({ options }) => options.maxOutputTokens!);
  // Each takes 620 micro-USD of the 3,000; one of 256 tokens is 512 and the prompt.
  assert.equal(lengths.length, 4);
  assert.deepEqual(
    lengths,
    lengths.toSorted((a, b) => b - a),
  );
  assert.ok(lengths[0]! > 1200 && lengths[3]! >= 256, `${lengths.join()} tokens`);
  const { code, message } = records[5]!.error!;
  assert.equal(code, "BUDGET");
  assert.match(message, /are left: wait until tomorrow \(UTC\), or raise "budget\.perDay\.usd"/);
  assert.match(message, /"think\.request\.maxOutputTokens"/);
  assert.equal((await runtime.status("a")).status, "active");
});

void test("a budget that is below what any call may cost says so, and does not speak of tomorrow", async () => {
  const { say, model } = await spender([], { budget: { perDay: { tokens: 200 } } });
  const { code, message } = (await say("Hi")).error!;
  assert.equal(code, "BUDGET");
  assert.match(
    message,
    /^Cannot go on: it may cost \d+ tokens, and the budget of a whole day is 200 tokens: raise "budget\.perDay\.tokens"; a shorter prompt costs less, and so does a "think\.request\.maxOutputTokens" below 256$/,
  );
  assert.equal(model.calls.length, 0);
});

void test("whoever asks for less than 256 tokens gets that of a budget, or nothing", async () => {
  const { say, model } = await spender(() => short, {
    budget: { perDay: { tokens: 200 } },
    think: { request: { maxOutputTokens: 50 } },
  });
  assert.equal((await say("Hi")).outcome, "done");
  assert.equal(model.calls[0]!.options.maxOutputTokens, 50);
});
