import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent } from "../../src/index.ts";
import { setting } from "./setting.ts";

void test("a tick that finishes steps in each of its tries ends, however often it runs into its timeout", async () => {
  const did: number[] = [];
  const slow = defineAgent({
    name: "slow",
    timeout: "1s",
    retry: { retries: 1, backoff: "1s" },
    async onMessage(ctx) {
      for (let i = 0; i < 12; i += 1) {
        await ctx.step("work", async () => {
          await new Promise<void>((resolve) => clock.after(400, resolve));
          did.push(i);
        });
      }
      await ctx.reply("all");
    },
  });
  const { clock, runtime } = await setting([slow]);
  const answer = runtime.ask("slow", { payload: "x" }, { timeout: 60_000 });
  for (let i = 0; i < 30; i += 1) await clock.advance(400);
  assert.equal((await answer).outcome, "done");
  assert.deepEqual(
    did,
    Array.from({ length: 12 }, (_, i) => i),
  );
  const { ticks } = await runtime.status("slow");
  assert.ok(ticks > 4, `it ran into its timeout: ${ticks} ticks`);
  assert.equal((await runtime.verify("slow")).ok, true);
});

void test("a try that runs into its timeout with no step finished counts, after others that did too", async () => {
  let tries = 0;
  const stuck = defineAgent({
    name: "stuck",
    timeout: "1s",
    retry: { retries: 1, backoff: "1s" },
    async onMessage(ctx) {
      tries += 1;
      await ctx.step("first", () => "quick");
      await new Promise(() => undefined);
    },
  });
  const { clock, runtime } = await setting([stuck]);
  await runtime.send("stuck", { payload: "x" });
  for (let i = 0; i < 30; i += 1) await clock.advance(400);
  const [dead] = await runtime.deadLetters("stuck", 0, 9);
  assert.match(dead?.reason ?? "", /longer than its timeout/);
  // The first got on, the two after it did not.
  assert.deepEqual([tries, dead?.attempts], [3, 2]);
});
