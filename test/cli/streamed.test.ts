import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PACKAGE, project } from "./project.ts";
import type { Project } from "./project.ts";

/** An agent that writes as a model does, and goes on when files say that it may. */
const WRITER = `
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { defineAgent, defineRuntime } from "@openagents/runtime";
const may = async (file) => {
  while (!existsSync(file)) await sleep(20);
};
const writer = defineAgent({
  name: "writer",
  async onMessage(ctx, { payload }) {
    await ctx.step("thinks", ({ tell }) => {
      tell({ kind: "reasoning", text: "a secret thought" });
      tell({ kind: "text", text: "I look it up" });
    });
    const text = await ctx.step("writes", async ({ tell }) => {
      if (payload === "stumble") {
        tell({ kind: "text", text: "Good by" });
        await may("fell");
        tell({ kind: "void", text: "the model was busy" });
      }
      tell({ kind: "text", text: "Good \\u001b" });
      await may(\`go-\${payload}\`);
      tell({ kind: "text", text: "[31mday" });
      return "Good \\u001b[31mday";
    });
    await ctx.reply(payload === "other" ? "something else" : text);
  },
});
export default defineRuntime({ agents: [writer], ensure: [{ name: "writer", type: "writer" }] });
`;

/** What it prints, when it ended, having made a file each time that it had printed what comes before it. */
async function streamed(
  p: Project,
  args: readonly string[],
  files: Readonly<Record<string, string>>,
): Promise<{ stdout: string; stderr: string; code: unknown }> {
  const words = [join(PACKAGE, "bin/agentctl.js"), "send", "writer", ...args, "--stream"];
  const child = spawn(process.execPath, words, { cwd: p.dir, stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "exit");
  let [stdout, stderr] = ["", ""];
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  for await (const chunk of child.stdout.setEncoding("utf8")) {
    stdout += chunk as string;
    const file = files[stdout];
    if (file !== undefined) writeFileSync(join(p.dir, file), "");
  }
  return { stdout, stderr, code: (await ended)[0] };
}

void test("agentctl send --stream prints the reply as it is written, once", async () => {
  await using p = project(WRITER);
  await p.start();
  const all = "I look it up\nGood \ufffd[31mday\n";
  const begun = "I look it up\nGood \ufffd";
  assert.deepEqual(await streamed(p, ["hello"], { [begun]: "go-hello" }), {
    stdout: all,
    stderr: "",
    code: 0,
  });
  const fallen = "I look it up\nGood by";
  assert.deepEqual(
    await streamed(p, ["stumble"], {
      [fallen]: "fell",
      [`${fallen}\nGood \ufffd`]: "go-stumble",
    }),
    {
      stdout: `${fallen}\nGood \ufffd[31mday\n`,
      stderr: "That was not to be: the model was busy.\n",
      code: 0,
    },
  );
  const other = ["other", "--id", "o"];
  const { stdout } = await streamed(p, other, { [begun]: "go-other" });
  assert.equal(stdout, `${all}something else\n`);
  // Sent again there is nothing to stream, and the reply all the same.
  assert.equal((await streamed(p, other, {})).stdout, "something else\n");
  const json = await p.agentctl("send", "writer", "x", "--stream", "--json");
  assert.equal(json.code, 2);
  assert.match(json.stderr, /--stream with JSON/);
});
