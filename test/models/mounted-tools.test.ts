import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startLocal } from "../../src/backends/local.ts";
import { defineAgent, defineRuntime } from "../../src/index.ts";
import type { AgentOptions, Context, Json, McpServerOptions } from "../../src/index.ts";
import { scriptedModel } from "../../src/models/scripted.ts";
import type { Script } from "../../src/models/scripted.ts";
import { EVIL_PROGRAM, PROGRAM } from "../mounts/mcp/fixture.ts";

/** A local home with an agent `a` that has a model, and a server of tools that is a process. */
async function home(
  script: Script,
  options: Partial<AgentOptions> & { readonly server?: Partial<McpServerOptions> },
) {
  const dir = mkdtempSync(join(tmpdir(), "openagents-mounted-"));
  const model = scriptedModel(script);
  const { server, ...more } = options;
  const agent = defineAgent({ name: "a", model, ...more });
  const local = await startLocal({
    definition: defineRuntime({
      agents: [agent],
      ensure: [{ name: "a", type: "a" }],
      mcp: { tests: { command: process.execPath, args: [PROGRAM], ...server } },
    }),
    data: dir,
    port: 0,
    warn: () => undefined,
  });
  return {
    model,
    ask: async (payload: Json): Promise<Json> => {
      const { outcome, replies, error } = await local.runtime.ask(
        "a",
        { payload },
        { timeout: 20_000 },
      );
      assert.equal(outcome, "done", error?.message);
      return replies[0]!;
    },
    steps: async () => {
      const { lastTick } = await local.runtime.status("a");
      return lastTick!.steps!.map(({ key }) => key);
    },
    logs: async () => (await local.runtime.log("a", 0, 100)).map(({ output }) => output).join(),
    async [Symbol.asyncDispose]() {
      await local.stop(0);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const ANY = { type: "object" };

void test("the model is offered the tools of a mounted server, and calls them", async () => {
  await using h = await home(
    ({ messages, last }) => {
      if (messages.at(-1)?.role === "tool") return `They said: ${last}`;
      return {
        toolCalls: [
          { name: "tests__sum", input: { a: 1, b: 2 } },
          { name: "tests__echo", input: { text: "Hello" } },
          { name: "tests__fail", input: {} },
          { name: "tests__sum", input: { a: "one" } },
          { name: "tests__crash", input: {} },
        ],
      };
    },
    {
      mcp: ["tests"],
      tools: { tests__echo: { parameters: ANY, execute: () => "That of the definition" } },
      server: { allow: ["sum", "echo", "fail"] },
    },
  );
  const said = ((await h.ask("Go")) as string).split("\n");
  assert.match(said[0]!, /^They said: .*sum.*3/);
  assert.equal(said[1], "That of the definition");
  assert.match(said[2]!, /the disk is full/);
  assert.match(said[3]!, /^The input of "tests__sum" does not fit: /);
  assert.match(said[4]!, /^There is no tool "tests__crash". There are: tests__echo, /);
  assert.deepEqual(await h.steps(), [
    "step:fs:read:/tools/tests/tools.json#0",
    "step:model#0",
    "step:tool:tests/sum#0",
    "step:tool:tests__echo#0",
    "step:tool:tests/fail#0",
    "step:model#1",
  ]);
  const offered = h.model.calls[0]!.options.tools!.map(({ name }) => name);
  assert.deepEqual(offered, ["tests__echo", "tests__sum", "tests__fail"]);
  assert.match(await h.logs(), /There are two tools \\?"tests__echo\\?": the first counts/);
});

// Either pattern would keep the home longer than anybody waits.
void test("no pattern of a server is looked for, in what it is given or gives", async () => {
  const q = "what is the weather in Berlin on Friday evening";
  await using h = await home(
    ({ messages, last }) =>
      messages.at(-1)?.role === "tool"
        ? last
        : { toolCalls: [{ name: "tests__slow", input: { q } }] },
    { mcp: ["tests"], server: { args: [EVIL_PROGRAM] } },
  );
  assert.match(JSON.stringify(await h.ask("Go")), /s\\*":\\*"a+!/);
});

void test("a server that cannot be had leaves the agent its other tools, and the log says so", async () => {
  await using h = await home(({ tools }) => tools.join(), {
    mcp: ["tests"],
    tools: { own: { execute: () => 1 } },
    server: { command: "/nowhere/at-all", args: [] },
  });
  assert.equal(await h.ask("Go"), "own");
  assert.match(await h.logs(), /The tools of \\?"tests\\?" cannot be had now/);
});

void test("what is no list of tools in a mount does no harm", async () => {
  await using h = await home(({ tools }) => tools.join(), {
    mounts: [{ path: "/tools/desk", kind: "scratch", source: "", access: "read-write" }],
    async onMessage(ctx: Context) {
      const { payload } = ctx.trigger;
      if (payload === "list") {
        await ctx.reply((await ctx.tools.list()).map(({ name }) => name));
        return;
      }
      await ctx.fs.write("/tools/desk/tools.json", JSON.stringify(payload));
      await ctx.reply("written");
    },
  });
  assert.deepEqual(await h.ask("list"), []);
  for (const wrong of [{}, null, 5, { name: "x" }, [null, 1, "x", {}, { name: 7 }]]) {
    await h.ask(wrong);
    assert.deepEqual(await h.ask("list"), [], JSON.stringify(wrong));
  }
  await h.ask([
    { name: "fits" },
    { name: "described", description: 5 },
    { name: "shaped", inputSchema: "text" },
    { name: "x".repeat(200) },
  ]);
  const names = (await h.ask("list")) as string[];
  assert.deepEqual(names, ["desk__fits", `desk__${"x".repeat(58)}`]);
});
