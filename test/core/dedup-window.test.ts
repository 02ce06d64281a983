import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent } from "../../src/index.ts";
import { HOUR, setting } from "./setting.ts";

void test("the id of an envelope is forgotten after limits.dedup, and not before", async () => {
  const agent = defineAgent({ name: "a", onMessage: () => undefined });
  const { clock, runtime, tell } = await setting([agent], { limits: { dedup: "2h" } });
  await tell("a", "x", "once");
  await clock.advance(HOUR);
  assert.equal((await runtime.send("a", { payload: "x", id: "once" })).receipt, "duplicate");
  await clock.advance(3 * HOUR);
  assert.equal((await runtime.send("a", { payload: "x", id: "once" })).receipt, "accepted");
});
