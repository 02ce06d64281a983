import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent, TerminalError } from "../../src/index.ts";
import { paths } from "../../src/core/tree.ts";
import type { MemoryStore } from "../../src/stores/memory.ts";
import { HOUR, setting } from "./setting.ts";

/** Works in a step, then waits; what it came to. */
const payer = defineAgent({
  name: "payer",
  state: { paid: [] as unknown[] },
  retry: { retries: 1, backoff: "1m" },
  async onMessage(ctx, message) {
    const price = await ctx.step("price", () => 100);
    if (message.text === "retry") throw new Error("not yet");
    if (message.text === "bury") throw new TerminalError("never");
    await ctx.sleep("1m");
    await ctx.step("pay", () => "paid");
    await ctx.sleep("1m");
    ctx.state.paid.push(price);
  },
});

const STEP = paths.step("m", "step:price#0");

/** Has somebody who can write to the database change a file of an agent, or add it. */
async function change(store: MemoryStore, name: string, file: { path: string; value: string }) {
  const { id } = (await store.get(name))!;
  const claim = (await store.claim(id, 0, Number.MAX_SAFE_INTEGER))!;
  await store.journal(claim, [file]);
  await store.release(claim);
}

for (const text of ["park", "retry", "bury"]) {
  void test(`verify() finds that a step's result was changed after its tick, which is to ${text}`, async () => {
    const { runtime, store, tell } = await setting([payer]);
    const { n } = await tell("payer", text, "m");
    assert.equal((await runtime.verify("payer")).ok, true);
    await change(store, "payer", { path: STEP, value: '{"value":999}' });
    assert.deepEqual(await runtime.verify("payer"), {
      ok: false,
      records: n,
      wrong: n,
      reason: `file "${STEP}" is not what record ${n} says was written`,
    });
  });
}

void test("verify() finds the tick that went by a changed result, also when the journal is gone", async () => {
  const { clock, runtime, store, tell } = await setting([payer]);
  const { n } = await tell("payer", "park", "m");
  await change(store, "payer", { path: STEP, value: '{"value":999}' });
  await clock.advance(HOUR);
  assert.deepEqual(await runtime.state("payer"), { paid: [999] });
  assert.deepEqual(await runtime.verify("payer"), {
    ok: false,
    records: n,
    wrong: n + 1,
    reason: `it went by another "${STEP}" than record ${n} says was written`,
  });
});

void test("verify() finds that the end of a wait was changed", async () => {
  const sleep = paths.step("m", "sleep#0");
  const { clock, runtime, store, tell } = await setting([payer]);
  await tell("payer", "park", "m");
  await clock.advance(60_000);
  const { ticks } = await runtime.status("payer");
  assert.equal((await runtime.verify("payer")).ok, true);
  await change(store, "payer", { path: sleep, value: '{"value":1}' });
  const reason = `file "${sleep}" is not what record ${ticks} says was written`;
  assert.deepEqual(await runtime.verify("payer"), {
    ok: false,
    records: ticks,
    wrong: ticks,
    reason,
  });
  const { revision: code } = payer;
  await change(store, "payer", { path: sleep, value: JSON.stringify({ at: 1, code }) });
  assert.equal((await runtime.verify("payer")).ok, true);
});

void test("verify() finds that a result of a parked tick is gone", async () => {
  const { runtime, store, tell } = await setting([payer]);
  await tell("payer", "bury", "d");
  const { n } = await tell("payer", "park", "m");
  const { id } = await runtime.get("payer");
  await store.discard(id, "d", paths.journal("m"));
  assert.deepEqual(await runtime.verify("payer"), {
    ok: false,
    records: n,
    wrong: n,
    reason: `file "${STEP}" is not what record ${n} says was written`,
  });
});

void test("verify() counts results that an interrupted tick left, which the next one puts on the record", async () => {
  const { clock, runtime, store } = await setting([payer]);
  await change(store, "payer", { path: STEP, value: '{"value":100}' });
  const { head } = await runtime.status("payer");
  assert.deepEqual(await runtime.verify("payer"), { ok: true, records: 1, head, unrecorded: 1 });

  // The process died before it took the message up again.
  const next = await setting([payer], { store, clock });
  const record = await next.tell("payer", "park", "m");
  assert.equal(record.steps?.[0]?.replayed, true);
  assert.equal((await next.runtime.verify("payer")).ok, true);
  assert.equal("unrecorded" in (await next.runtime.verify("payer")), false);
  await change(store, "payer", { path: STEP, value: '{"value":999}' });
  assert.equal((await next.runtime.verify("payer")).ok, false);
});

void test("a tick that comes to its end at once has no digests of its steps in its record", async () => {
  const agent = defineAgent({ name: "a", onMessage: (ctx) => ctx.step("one", () => 1) });
  const { runtime, tell } = await setting([agent]);
  const { wrote, journal } = await tell("a", "x");
  assert.deepEqual([wrote, journal], [undefined, undefined]);
  assert.equal((await runtime.verify("a")).ok, true);
});
