import assert from "node:assert/strict";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { dataOf, run, spawnExample } from "./setting.ts";

const FILE = "assistant/demo.ts";

void test("npm run example:assistant: answers lines of stdin, and remembers over a restart", async (t) => {
  const args = ["--data", dataOf(t)];
  const first = await run(FILE, { args, input: "My name is Ada.\nI like tea\nWhat is 12 * 7?\n" });
  assert.equal(first.code, 0, first.stderr);
  assert.equal(
    first.stdout,
    [
      "you: My name is Ada.",
      "assistant: I will remember that.",
      "you: I like tea",
      "assistant: I will remember that.",
      "you: What is 12 * 7?",
      "assistant: That is 84.",
      "",
    ].join("\n"),
  );
  const input = "hello\nWhat do you know of me?\n\nWhat did I say about tea?";
  const second = await run(FILE, { args, input });
  assert.equal(second.code, 0, second.stderr);
  assert.match(second.stdout, /assistant: Hello Ada, good to see you again!\n/);
  assert.match(second.stdout, /assistant: You told me: "My name is Ada", "I like tea"\.\n/);
  assert.match(second.stdout, /assistant: You said: I like tea\n$/);

  const fresh = await run(FILE, { args: [...args, "--fresh"], input: "Who am I?" });
  assert.equal(
    fresh.stdout,
    "you: Who am I?\nassistant: Nothing yet. Tell me something of yourself, and I will remember it.\n",
  );
});

void test("it is served to chats over WebSocket, which hear of alarms too", async (t) => {
  const home = spawnExample(FILE, ["--serve", "--data", dataOf(t)]);
  t.after(() => home.kill("SIGKILL"));
  let env: Record<string, string> | undefined;
  for await (const line of createInterface(home.stdout)) {
    const [, url, token] = /^OPENAGENTS_URL=(\S+) OPENAGENTS_TOKEN=(\S+) npx/.exec(line) ?? [];
    if (url === undefined || token === undefined) continue;
    env = { OPENAGENTS_URL: url, OPENAGENTS_TOKEN: token };
    break;
  }
  const chat = spawnExample("assistant/chat.ts", [], env);
  t.after(() => chat.kill("SIGKILL"));
  chat.stdin.write("remind me in 0s to stretch\n");
  let heard = "";
  for await (const line of createInterface(chat.stdout)) {
    heard += `${line}\n`;
    if (line.includes("stretch.")) break;
  }
  assert.match(
    heard,
    /assistant: I will remind you\.\nassistant: You asked me to remind you: stretch\.\n/,
  );
  chat.stdin.end();
  const [code] = (await once(chat, "close")) as [number | null];
  assert.equal(code, 0);
  home.kill("SIGTERM");
  assert.deepEqual(await once(home, "close"), [0, null]);
});
