import assert from "node:assert/strict";
import { test } from "node:test";
import { runtimeMetricsText } from "../../src/control/prometheus.ts";
import { CALL, spender, USAGE } from "./spender.ts";

void test("the record says where what a call used is an estimate", async () => {
  const { say } = await spender([
    { text: "Said", usage: USAGE },
    { text: "Nothing is said", usage: null },
    { text: "x".repeat(40), chunk: 40, usage: USAGE, fault: { kind: "disconnect", after: 1 } },
    { text: "Said again", usage: USAGE },
  ]);
  const said: unknown[] = [];
  for (let i = 0; i < 3; i += 1) said.push((await say("Hi")).steps![0]!.used!.estimated);
  assert.deepEqual(said, [undefined, true, true]);
});

void test("a runtime counts the tokens and the money of its ticks, and /metrics has them", async () => {
  const { runtime, say, spent } = await spender(() => ({ text: "Fine", usage: USAGE }));
  for (let i = 0; i < 3; i += 1) await say("Hi");
  const metrics = runtime.metrics();
  assert.deepEqual(metrics.counts.used, { tokens: 3 * CALL.tokens, usd: 3 * CALL.usd });
  assert.deepEqual(metrics.counts.used, (await spent())!.total);
  const text = runtimeMetricsText(metrics);
  assert.match(text, /^openagents_model_tokens_total 330$/m);
  assert.match(text, /^openagents_cost_micro_usd_total 360$/m);
});
