import assert from "node:assert/strict";
import { test } from "node:test";
import { startLocal } from "@openagents/runtime/backends/local";
import { openDesk } from "../../examples/team/desk.ts";
import { dataOf, demo } from "./setting.ts";

const ANSWER = /I recommend Lisbon: it is the cheapest, at 275 EUR\.\n?$/m;

void test("npm run example:team: each call is made once, over a kill -9", async (t) => {
  const { code, stdout, stderr } = await demo("team", "--data", dataOf(t));
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /killed agentd with SIGKILL\nStarted it again\n/);
  assert.match(stdout, ANSWER);
  assert.match(stdout, / lead: model#0, spawn:lisbon#0, spawn:oslo#0, model#1\n/);
  const calls = ["model#0", "look_up#0", "model#1", "look_up#1", "model#2", "look_up#2", "model#3"];
  assert.ok(stdout.includes(`  lisbon: ${calls.join(", ")}\n`), stdout);
  const marked = calls.map((call, i) => (i < 3 ? `${call}*` : call));
  assert.ok(stdout.includes(`  oslo: ${marked.join(", ")}\n`), stdout);
  assert.match(stdout, /The desk answered 6 calls, each once\nThe model was asked 10 times\n$/);
});

void test("the lead asks the workers again that it has, and nobody else of their name", async (t) => {
  await using desk = await openDesk(() => Promise.resolve());
  process.env["DESK_URL"] = desk.url;
  delete process.env["OPENAI_BASE_URL"];
  delete process.env["OPENAI_API_KEY"];
  const { default: definition } = await import("../../examples/team/openagents.config.ts");
  const home = await startLocal({ definition, data: dataOf(t), port: 0 });
  try {
    const ask = async (payload: string): Promise<string> => {
      const { replies } = await home.runtime.ask("lead", { payload }, { timeout: 30_000 });
      return replies.map(String).join("\n");
    };
    assert.match(await ask("Where shall we go, Lisbon or Oslo?"), ANSWER);
    assert.match(await ask("Which is it, Oslo or Lisbon?"), ANSWER);
    const { items } = await home.runtime.list({ parent: "lead" });
    assert.deepEqual(items.map(({ name }) => name).toSorted(), ["lisbon", "oslo"]);
    assert.equal(desk.answered.size, 12);
    assert.equal(await ask("where?"), "Which cities?");
    assert.match(await ask("where: Lead?"), /another agent has the name/);
  } finally {
    await home.stop();
  }
});
