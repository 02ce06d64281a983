import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { listen } from "@openagents/runtime/models/scripted-listener";
import { scriptedServer } from "@openagents/runtime/models/scripted";
import { dataOf, run, spawnExample } from "./setting.ts";

const FILE = "assistant/demo.ts";

void test("it asks whatever endpoint the variables name, and says what goes wrong there", async (t) => {
  const server = scriptedServer([
    { text: "I am", fault: { kind: "disconnect" } },
    "I am a model",
    { error: { status: 401, message: "No such key" } },
  ]);
  await using listening = await listen(server);
  const { code, stdout, stderr } = await run(FILE, {
    args: ["--data", dataOf(t)],
    input: "Who are you?\nReally?",
    env: { OPENAI_BASE_URL: listening.url, OPENAI_API_KEY: "sk-of-mine", OPENAI_MODEL: "mine" },
  });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /assistant: I am a model\nyou: Really\?\n/);
  assert.match(stdout, /assistant: \(That went wrong: .*\)\n$/);
  const [asked] = server.requests;
  assert.equal(asked?.body["model"], "mine");
  assert.equal(asked.headers.get("authorization"), "Bearer sk-of-mine");
});

void test("it prints what the model says while the model is still at it", async (t) => {
  const server = scriptedServer([{ text: "One moment, please", chunk: 4, pause: 3_600_000 }]);
  await using listening = await listen(server);
  const chat = spawnExample(FILE, ["--data", dataOf(t)], { OPENAI_BASE_URL: listening.url });
  chat.stdin.write("Are you there?\n");
  let printed = "";
  for await (const chunk of chat.stdout) {
    printed += String(chunk);
    if (printed.includes("assistant: One ")) break;
  }
  assert.equal(printed, "you: Are you there?\nassistant: One ");
  assert.equal(server.requests[0]?.ended, undefined);
  const closed = once(chat, "close");
  chat.kill("SIGKILL");
  await closed;
});
