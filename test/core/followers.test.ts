import assert from "node:assert/strict";
import { test } from "node:test";
import { createRuntime } from "../../src/core/create-runtime.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";
import type { LiveEvent } from "../../src/core/followers.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { memoryStore } from "../../src/stores/memory.ts";

void test("follow() tells of ticks that begin from then on, of that agent, until it is undone", async () => {
  const problems: string[] = [];
  const agent = defineAgent({
    name: "a",
    async onManual(ctx) {
      await ctx.step("works", () => 1);
      await ctx.step("fails", () => Promise.reject(new Error("no"))).catch(() => undefined);
    },
  });
  const runtime = createRuntime({
    definition: defineRuntime({
      agents: [agent],
      ensure: [
        { name: "one", type: "a" },
        { name: "two", type: "a" },
      ],
    }),
    store: memoryStore(),
    signer: derivedSigner(newMnemonic()),
    onProblem: (problem) => problems.push(problem),
  });
  await runtime.start();
  await runtime.settled();
  const { id } = await runtime.get("one");
  const told: LiveEvent[] = [];
  const undo = runtime.follow(id, (event) => told.push(event));
  const undoBad = runtime.follow(id, () => {
    throw new Error("cannot listen");
  });
  await runtime.tick("two");
  assert.equal(told.length, 0);
  const { n, trigger } = await runtime.tick("one");
  const said = told.map((event) => {
    assert.equal(event.n, n);
    assert.equal(event.envelope, trigger.id);
    if (event.event === "phase") return event.phase;
    if (event.event === "tick_start") return "start";
    assert.equal(event.event, "step");
    const { ended } = event;
    return `${event.key} ${ended === undefined ? "begins" : (ended.error?.message ?? "ends")}`;
  });
  assert.deepEqual(said, [
    "start",
    "wake",
    "load",
    "perceive",
    "think",
    "act",
    "step:works#0 begins",
    "step:works#0 ends",
    "step:fails#0 begins",
    "step:fails#0 no",
    "remember",
    "schedule",
    "sleep",
  ]);
  assert.equal(problems.length, told.length);
  undoBad();
  undo();
  told.length = 0;
  await runtime.tick("one");
  assert.equal(told.length, 0);
  await runtime.stop(0);
});
