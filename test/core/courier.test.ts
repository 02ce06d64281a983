import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent } from "../../src/index.ts";
import { setting } from "./setting.ts";

const sender = defineAgent({
  name: "sender",
  async onMessage(ctx, message) {
    for (const to of message.text.split(" ")) await ctx.send(to, `for ${to}`);
  },
});
const keeper = defineAgent({
  name: "keeper",
  state: { got: [] as string[] },
  onMessage: (ctx, message) => void ctx.state.got.push(message.text),
});

void test("mail to agents that are here does not wait for a name that is looked up elsewhere", async () => {
  const found = Promise.withResolvers<string | undefined>();
  let asked = 0;
  const names = async (): Promise<string | undefined> => {
    asked += 1;
    return found.promise;
  };
  const { clock, runtime, tell } = await setting([sender, keeper], { names });
  await tell("sender", "ghost@example.org keeper ghost@example.org keeper");
  assert.deepEqual(await runtime.state("keeper"), { got: ["for keeper", "for keeper"] });
  assert.equal(asked, 1, "the second one waits for the first");
  await tell("sender", "ghost@example.org keeper");
  assert.equal(((await runtime.state("keeper"))["got"] as string[]).length, 3);
  found.resolve((await runtime.get("keeper")).id);
  await clock.advance(0);
  const { got } = (await runtime.state("keeper")) as { got: string[] };
  assert.equal(got.filter((text) => text === "for ghost@example.org").length, 3);
});

void test("what cannot be sent now is tried again the later, the longer it waits, and keeps its order", async () => {
  let open = false;
  const tries: number[] = [];
  const { clock, runtime, tell } = await setting([sender, keeper], {
    async names() {
      tries.push(clock.now());
      if (!open) throw new Error("It does not answer");
      return (await runtime.get("keeper")).id;
    },
  });
  await tell("sender", "ghost@example.org");
  await tell("sender", "ghost@example.org ghost@example.org");
  await clock.advance(600_000);
  const waits = tries.slice(1).map((at, i) => at - tries[i]!);
  assert.ok(waits.length > 5 && waits.length < 60, `${waits.length} tries`);
  assert.ok(waits.every((wait, i) => wait >= (waits[i - 1] ?? 0) - 1 || wait >= 59_000));
  assert.equal(Math.max(...waits), 60_000);
  open = true;
  await clock.advance(60_000);
  assert.equal(((await runtime.state("keeper"))["got"] as string[]).length, 3);
  assert.deepEqual(await runtime.deadLetters("sender", 0, 9), []);
});

void test("an agent can leave and be erased while mail of others is under way for ever", async () => {
  const names = () => new Promise<undefined>(() => undefined);
  const { runtime, tell } = await setting([sender, keeper], { names });
  await tell("sender", "ghost@example.org");
  const { id } = await runtime.create({ name: "guest", type: "keeper" });
  await runtime.leave(id, { move: "m1" });
  await (await runtime.export(id, { move: "m1" })).cancel();
  await runtime.stay(id, "m1");
  const purged = runtime.purge(id);
  await purged;
  await assert.rejects(runtime.get(id), { code: "NOT_FOUND" });
});
