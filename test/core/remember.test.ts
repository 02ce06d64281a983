import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent, TerminalError } from "../../src/index.ts";
import { paths } from "../../src/core/tree.ts";
import { HOUR, setting } from "./setting.ts";

/** How many files an agent has below a path. */
async function count({ store }: Awaited<ReturnType<typeof setting>>, name: string, prefix: string) {
  const { id } = (await store.get(name))!;
  return (await store.files(id, { prefix, limit: 99 })).length;
}

void test("a finished step is not done again when its dead letter is replayed", async () => {
  let charged = 0;
  let broken = true;
  const agent = defineAgent({
    name: "a",
    async onMessage(ctx) {
      const receipt = await ctx.step("charge", () => (charged += 1));
      if (broken) throw new TerminalError("no");
      await ctx.reply(receipt);
    },
  });
  const all = await setting([agent]);
  const { clock, runtime, store, tell } = all;
  await tell("a", "x", "m");
  await runtime.replay("a", "m");
  await clock.advance(0);
  assert.equal(await count(all, "a", paths.journals), 1);

  // Also by another process.
  store.crash();
  const next = await setting([agent], { store, clock });
  broken = false;
  await next.runtime.replay("a", "m");
  await clock.advance(0);
  const { lastTick } = await next.runtime.status("a");
  assert.deepEqual([lastTick?.outcome, lastTick?.steps?.[0]?.replayed, charged], ["done", true, 1]);
  assert.equal(await count(all, "a", paths.journals), 0);
  assert.equal((await next.runtime.verify("a")).ok, true);
});

void test("what is finished beside a dead letter goes when that is discarded, also of a quarantined agent", async () => {
  const agent = defineAgent({
    name: "a",
    retry: { retries: 0, quarantineAfter: 1 },
    async onMessage(ctx) {
      await ctx.step("one", () => 1);
      throw new Error("no");
    },
  });
  const all = await setting([agent]);
  const { runtime, tell } = all;
  const { status } = await tell("a", "x", "m");
  assert.deepEqual([status, await count(all, "a", paths.journals)], ["quarantined", 1]);
  await runtime.discard("a", "m");
  assert.equal(await count(all, "a", paths.journals), 0);
  assert.equal((await runtime.verify("a")).ok, true);
});

void test("what is finished of mail that expired while it was retried goes with its dead letter", async () => {
  const agent = defineAgent({
    name: "a",
    retry: { retries: 3, backoff: "1h" },
    async onMessage(ctx) {
      await ctx.step("one", () => 1);
      throw new Error("no");
    },
  });
  const all = await setting([agent]);
  const { clock, runtime } = all;
  await runtime.send("a", { payload: "x", id: "m", expiresAt: clock.now() + 60_000 });
  await clock.advance(2 * HOUR);
  assert.equal((await runtime.status("a")).lastTick?.outcome, "expired");
  assert.equal(await count(all, "a", paths.journals), 1);
  await runtime.discard("a", "m");
  assert.equal(await count(all, "a", paths.journals), 0);
});

void test("an answer is kept with a dead letter; a request that failed is made again when it is replayed", async () => {
  const heard = new Set<string>();
  let silent = true;
  const oracle = defineAgent({
    name: "oracle",
    async onMessage(ctx, message) {
      heard.add(message.id);
      if (message.text === "hard" && silent) await ctx.sleep("1h");
      await ctx.reply(`${message.text} answer`);
    },
  });
  const asker = defineAgent({
    name: "asker",
    state: { answers: [] as unknown[] },
    retry: { retries: 0 },
    async onMessage(ctx) {
      const easy = await ctx.request("oracle", "easy");
      ctx.state.answers.push(easy, await ctx.request("oracle", "hard"));
    },
  });
  const all = await setting([oracle, asker]);
  const { clock, runtime, tell } = all;
  await tell("asker", "x", "m");
  await clock.advance(2 * HOUR);
  assert.deepEqual(
    (await runtime.deadLetters("asker", 0, 9)).map((row) => row.envelope.id)[0],
    "m",
  );
  silent = false;
  await runtime.replay("asker", "m");
  await clock.advance(HOUR);
  assert.deepEqual(await runtime.state("asker"), { answers: ["easy answer", "hard answer"] });
  assert.equal(heard.size, 3);
  assert.equal(await count(all, "asker", paths.journals), 0);
  assert.equal((await runtime.verify("asker")).ok, true);
});

void test("what onError did in a step is not given to the hook, and is over with the dead letter", async () => {
  const sent: string[] = [];
  let broken = true;
  const agent = defineAgent({
    name: "a",
    async onMessage(ctx) {
      if (broken) throw new TerminalError("no");
      await ctx.step("mail", () => void sent.push("done"));
    },
    onError: (ctx) => ctx.step("mail", () => void sent.push("sorry")),
  });
  const all = await setting([agent]);
  const { clock, runtime, tell } = all;
  await tell("a", "x", "m");
  assert.equal(await count(all, "a", paths.journals), 0);
  broken = false;
  await runtime.replay("a", "m");
  await clock.advance(0);
  assert.deepEqual(sent, ["sorry", "done"]);
});
