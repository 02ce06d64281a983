import assert from "node:assert/strict";
import { test } from "node:test";
import type { AgentInfo } from "../../src/core/runtime.ts";
import { project } from "./project.ts";

const CONFIG = `
import { defineAgent, defineRuntime } from "@openagents/runtime";
const lead = defineAgent({
  name: "lead",
  async onMessage(ctx, message) {
    await ctx.step("pay", ({ used }) => used({ usd: 12_500, tokens: 3 }));
    await ctx.reply(await ctx.spawn(message.text, { type: "kid", budget: { perDay: { usd: "0.25" } } }));
  },
});
const kid = defineAgent({ name: "kid" });
export default defineRuntime({ agents: [lead, kid], ensure: [{ name: "lead", type: "lead" }] });
`;

void test("agentctl lists the agents that an agent made, and shows whose they are", async () => {
  await using p = project(CONFIG);
  await p.start();
  const run = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await p.agentctl(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const id = (await run("send", "lead", "one", "--wait")).trim();
  await run("send", "lead", "two", "--wait");
  const parent = (JSON.parse(await run("info", "lead", "--json")) as AgentInfo).id;
  for (const ref of ["lead", parent]) {
    const table = await run("list", "--parent", ref);
    assert.deepEqual(
      table
        .trim()
        .split("\n")
        .map((line) => line.split(/ +/)[0]),
      ["NAME", "one", "two"],
    );
  }
  assert.deepEqual(JSON.parse(await run("list", "--parent", "one", "--json")), []);
  assert.deepEqual(JSON.parse(await run("list", "--parent", "nobody", "--json")), []);
  const status = await run("status", "one");
  assert.match(status, new RegExp(`^id +${id}$`, "m"));
  assert.match(status, new RegExp(`^parent +${parent}$`, "m"));
  const spent = String.raw`\$0\.025 and 6 tokens`;
  assert.match(
    await run("status", "lead"),
    new RegExp(String.raw`^spent +${spent} on \d{4}-\d\d-\d\d \(UTC\), ${spent} in all$`, "m"),
  );
  assert.match(status, /^budget +\$0\.25 a day$/m);
  assert.match(await run("fs", "cat", `lead:children/${id}`), /"name": "one"/);
  await run("delete", "one");
  assert.equal((await run("fs", "ls", "lead:children")).trim().split("\n").length, 1);
});
