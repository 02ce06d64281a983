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
