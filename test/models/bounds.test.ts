import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

// Each in a process with little memory, which would not get to its end.

const run = promisify(execFile);

async function inLittleMemory(script: string): Promise<string> {
  const options = ["--max-old-space-size=96", "--input-type=module", "-e", script];
  return (await run(process.execPath, options)).stdout.trim();
}

void test("a stream of millions of parts takes no memory for each", async () => {
  const out = await inLittleMemory(`
    import { callModel } from "./src/models/index.ts";
    import { scriptedModel } from "./src/models/scripted.ts";
    let n = 0;
    const pull = (controller) => {
      for (let i = 0; i < 500; i += 1) controller.enqueue({ type: "text-delta", id: "1", delta: "" });
      n += 500;
      if (n < 2_000_000) return;
      controller.enqueue({ type: "finish", finishReason: { unified: "stop", raw: "stop" }, usage: {} });
      controller.close();
    };
    const model = {
      ...scriptedModel([]),
      doStream: async () => ({ stream: new ReadableStream({ pull }) }),
    };
    const prompt = [{ role: "user", content: [{ type: "text", text: "Hello" }] }];
    console.log((await callModel({ prompt }, { model })).finish);
  `);
  assert.equal(out, "stop");
});

void test("tools that give 50 MB, as text, JSON or bytes, take little more memory than they do", async () => {
  const out = await inLittleMemory(`
    import { Secrets } from "./src/models/secrets.ts";
    import { outputFor, errorOutput } from "./src/models/tool-output.ts";
    const secrets = new Secrets(() => "sk-1234567890");
    await secrets.get("KEY", ["KEY"]);
    const rules = { secrets, limit: 65_536 };
    // Texts that hang together from small ones, which cost nothing until somebody looks at all of them.
    const deep = {};
    let all = deep;
    for (let i = 0; i < 40; i += 1) all = { a: all, b: all };
    const bytes = new Uint8Array(50_000_000);
    const list = Array.from({ length: 50 }, () => "sk-1234567890 ".repeat(71_428));
    const told = [
      outputFor("sk-1234567890 ".repeat(3_571_428), rules),
      outputFor(bytes, rules),
      outputFor(list, rules),
      outputFor(all, rules),
      errorOutput(new Error("sk-1234567890 ".repeat(3_571_428)), secrets),
    ];
    console.log(told.every(({ value }) => value.length < 66_000 && !value.includes("1234567890")));
  `);
  assert.equal(out, "true");
});
