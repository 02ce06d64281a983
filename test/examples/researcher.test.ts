import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent, defineRuntime } from "@openagents/runtime";
import type { Json } from "@openagents/runtime";
import { startLocal } from "@openagents/runtime/backends/local";
import { openLibrary, searchPages } from "../../examples/researcher/library.ts";
import { researchTools } from "../../examples/researcher/tools.ts";
import { dataOf, demo } from "./setting.ts";

void test("npm run example:researcher: a plan in goals, a tick for each step, and a report that cites", async (t) => {
  const { code, stdout, stderr } = await demo("researcher", "--data", dataOf(t));
  assert.equal(code, 0, stdout + stderr);
  const [, before = "", after = ""] = stdout.split("$ agentctl goals researcher\n");
  assert.match(before, /q1 +open +0 +0% /);
  assert.match(before, /q1\.1 is done: .* \(http:\/\/[\d.:]+\/electricity\.md\)/);
  assert.match(after, /q1 +done +0 +100% .* = \/memory\/files\/reports\/q1\.md\n/);
  const [, report = ""] = after.split(/\$ agentctl fs cat .*\n/);
  assert.match(report, /^# How did lighthouses get from fires/);
  assert.match(report, /in 1823\. \[2\]\n/);
  assert.match(report, /\n\[2\] http:\/\/127\.0\.0\.1:\d+\/lenses\.md\n/);
  assert.match(stdout, /in which 3 pages were fetched\n$/);
});

void test("its tools cite and note nothing that was not read", async (t) => {
  await using library = await openLibrary();
  const tools = researchTools(library.url);
  const calls: readonly (readonly [string, Json])[] = [
    ["plan", { question: "What of fog?", steps: ["Horns"] }],
    ["write_report", { question: "q1", text: "Horns are loud" }],
    ["write_report", { question: "q1", text: `Horns are loud (${library.url}/fog.md)` }],
    ["note", { fact: "Horns are loud", url: `${library.url}/fog.md` }],
    ["read", { url: "http://127.0.0.1:1/elsewhere" }],
    ["read", { url: `${library.url}/none.md` }],
    ["read", { url: `${library.url}/fog.md` }],
    ["finish_step", { step: "q1.1", result: "They are loud", urls: [`${library.url}/fog.md`] }],
    ["write_report", { question: "q1", text: `Horns are loud (${library.url}/fog.md)` }],
  ];
  const caller = defineAgent({
    name: "caller",
    tools,
    async onMessage(ctx) {
      const outcomes: string[] = [];
      for (const [name, input] of calls) {
        const outcome = await ctx.tools.call(name, input).then(String, String);
        outcomes.push(outcome.split("\n", 1)[0]!);
      }
      await ctx.reply(outcomes);
    },
  });
  const data = dataOf(t);
  const home = await startLocal({
    definition: defineRuntime({ agents: [caller], ensure: [{ name: "caller", type: "caller" }] }),
    data,
    port: 0,
  });
  try {
    const { replies } = await home.runtime.ask("caller", { payload: "go" }, { timeout: 10_000 });
    const [outcomes = []] = replies as readonly (readonly string[])[];
    const expected = [
      /You are told/,
      /no address in it/,
      /did not read/,
      /did not read/,
      /Only what search found/,
      /status 404/,
      /^# Signals in fog/,
      /^done/,
      /reports\/q1\.md$/,
    ];
    assert.equal(outcomes.length, expected.length);
    for (const [i, pattern] of expected.entries()) assert.match(outcomes[i]!, pattern);
    const goals = await home.runtime.goals("caller", "", 10);
    assert.deepEqual(
      goals.map(({ id, status }) => `${id} ${status}`),
      ["q1 done", "q1.1 done"],
    );
  } finally {
    await home.stop();
  }
});

void test("search finds the pages that have the most of the words, and nothing for none of them", () => {
  const titles = (words: string): readonly string[] =>
    searchPages(words, "http://library").map(({ title }) => title);
  assert.deepEqual(titles("a horn"), ["Signals in fog"]);
  assert.equal(titles("What is a lens?")[0], "The lens of Fresnel");
  assert.deepEqual(titles("quarks"), []);
});
