import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent } from "../../src/index.ts";
import { checkLabels } from "../../src/core/agent.ts";
import { setting } from "./setting.ts";

const named = defineAgent({
  name: "named",
  state: { names: [] as string[] },
  onMessage(ctx) {
    ctx.state.names.push(ctx.agent.name);
  },
});

void test("checkLabels() sorts, keeps each once and refuses what is no label", () => {
  assert.deepEqual(checkLabels(["b", "a", "b", "env=x/y:1.0_-"]), ["a", "b", "env=x/y:1.0_-"]);
  assert.deepEqual(checkLabels([]), []);
  const many = Array.from({ length: 33 }, (_, i) => `l${i}`);
  assert.equal(checkLabels(many.slice(1)).length, 32);
  for (const bad of [
    many,
    "a",
    undefined,
    [""],
    ["a b"],
    ["é"],
    ["x".repeat(64)],
    [1],
    [undefined],
  ])
    assert.throws(() => checkLabels(bad), { code: "INVALID" }, String(bad));
});

void test("update() changes name and labels, durably, and the agent's next tick has the name", async () => {
  const { runtime, store, tell } = await setting([named]);
  await tell("named", "x");
  const before = await runtime.get("named");
  assert.deepEqual(before.labels, []);
  const after = await runtime.update("named", { name: "ada", labels: ["b", "a"] });
  assert.deepEqual([after.name, after.labels], ["ada", ["a", "b"]]);
  assert.notEqual(after.revision, before.revision);
  store.crash();
  await tell("ada", "x");
  assert.deepEqual((await runtime.state("ada"))["names"], ["named", "ada"]);
  await assert.rejects(runtime.get("named"), { code: "NOT_FOUND" });
  assert.deepEqual((await runtime.list({ label: "a" })).items, [await runtime.get("ada")]);
  const back = await runtime.update(after.id, { name: "named", labels: [] });
  assert.equal(back.revision, before.revision);
});

void test("update() with ifMatch changes nothing that somebody else has changed", async () => {
  const { runtime } = await setting([named]);
  const { revision } = await runtime.get("named");
  const both = await Promise.allSettled(
    ["x", "y"].map((label) => runtime.update("named", { labels: [label] }, { ifMatch: revision })),
  );
  assert.deepEqual(
    both.map(({ status }) => status),
    ["fulfilled", "rejected"],
  );
  assert.equal((both[1] as PromiseRejectedResult).reason.code, "PRECONDITION");
  assert.deepEqual((await runtime.get("named")).labels, ["x"]);
});

void test("update() refuses a name that is taken or none, and one of an agent that is no more", async () => {
  const { runtime } = await setting([named]);
  const { id } = await runtime.create({ name: "other", type: "named", labels: ["z", "y"] });
  assert.deepEqual((await runtime.get("other")).labels, ["y", "z"]);
  await assert.rejects(runtime.update("other", { name: "named" }), { code: "EXISTS" });
  await assert.rejects(runtime.update("other", { name: "a/b" }), { code: "INVALID" });
  await assert.rejects(runtime.update("other", { labels: ["a b"] }), { code: "INVALID" });
  await assert.rejects(runtime.update("nobody", {}), { code: "NOT_FOUND" });
  await runtime.terminate("other");
  await assert.rejects(runtime.update(id, { name: "more" }), { code: "TERMINATED" });
});
