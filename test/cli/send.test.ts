import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { project } from "./project.ts";
import type { Ended } from "./project.ts";

/** An agent that replies with what came. */
const ECHO = `
import { defineAgent, defineRuntime } from "@openagents/runtime";
const echo = defineAgent({
  name: "echo",
  async onMessage(ctx, message) {
    if (message.payload === "silent") return;
    const { type, payload, headers } = message;
    await ctx.reply({ type, payload, headers });
    if (message.payload === "twice") await ctx.reply("again");
  },
});
export default defineRuntime({ agents: [echo], ensure: [{ name: "echo", type: "echo" }] });
`;

function ok({ code, stdout, stderr }: Ended): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

void test("agentctl send takes a text, a file or stdin, and headers", async () => {
  await using p = project(ECHO);
  await p.start();
  const reply = async (args: readonly string[], stdin = ""): Promise<Record<string, unknown>> => {
    const ended = await p.run(["send", "echo", ...args, "-q"], { stdin });
    assert.equal(ended.stderr, "");
    return JSON.parse(ok(ended)) as Record<string, unknown>;
  };
  const payload = async (args: readonly string[], stdin = ""): Promise<unknown> =>
    (await reply(args, stdin))["payload"];
  for (const [file, text] of [
    ["note.json", '{"a":[1]}\n'],
    ["note.txt", "zwei\nZeilen ✓\n"],
    ["data", '"quoted"'],
  ] as const) {
    writeFileSync(join(p.dir, file), text);
  }
  assert.equal(await payload(["hello"]), "hello");
  assert.deepEqual(await payload(["--file", "note.json"]), { a: [1] });
  assert.equal(await payload(["--file", "note.txt"]), "zwei\nZeilen ✓");
  assert.equal(await payload(["--file", "data"]), '"quoted"');
  assert.equal(await payload(["--file", "data", "--payload"]), "quoted");
  assert.equal(await payload([], "from stdin\n"), "from stdin");
  assert.equal(await payload(["-"], "from stdin\n"), "from stdin");
  assert.deepEqual(await payload(["--file", "-", "--payload"], "[1]"), [1]);
  const sent = await reply(["x", "--header", "a=1", "--header", "b==", "--expires", "1h"]);
  assert.deepEqual(sent["headers"], { a: "1", b: "=" });
  const late = await p.agentctl("send", "echo", "x", "--expires", "0s", "--wait");
  assert.equal(late.code, 1);
  assert.match(late.stderr, /It expired before echo came to it/);
  assert.equal(sent["type"], "message");
  const event = await p.agentctl("send", "echo", "x", "--type", "event", "-q");
  assert.match(event.stderr, /has no onEvent.*agentctl deadletter list echo/);

  const fails = async (args: readonly string[], code: number, message: RegExp): Promise<void> => {
    const ended = await p.run(["send", "echo", ...args], { stdin: "" });
    assert.equal(ended.code, code, ended.stderr);
    assert.match(ended.stderr, message);
    assert.equal(ended.stdout, "");
  };
  await fails([], 2, /stdin is empty: give a text, --file FILE.*agentctl send NAME/);
  await fails(["x", "--file", "note.txt"], 2, /a text and --file together/);
  await fails(["--file", "none"], 1, /Cannot read "none": ENOENT/);
  await fails(["--file", ""], 2, /--file: its value is empty/);
  writeFileSync(join(p.dir, "broken.json"), "{");
  await fails(["--file", "broken.json"], 2, /Cannot read "broken.json"/);
  writeFileSync(join(p.dir, "binary"), Buffer.from([0xff, 0xfe, 0]));
  await fails(["--file", "binary"], 1, /no UTF-8/);
  await fails(["x", "--header", "a"], 2, /--header "a": it must be KEY=VALUE/);
  await fails(["x", "--header", "a=1", "--header", "a=2"], 2, /a is there twice/);
  await fails(["x", "--expires", "soon"], 2, /--expires "soon"/);
});

void test("agentctl send --reply-only prints the reply and nothing else", async () => {
  await using p = project(ECHO);
  await p.start();
  const silent = await p.agentctl("send", "echo", "silent", "-q");
  assert.deepEqual(silent, { code: 0, stdout: "", stderr: "" });
  const lines = ok(await p.agentctl("send", "echo", "twice", "--reply-only"))
    .trim()
    .split("\n");
  assert.equal(lines.length, 2);
  assert.equal(lines[1], "again");
  const asJson = JSON.parse(
    ok(await p.agentctl("send", "echo", "twice", "-q", "--json")),
  ) as unknown[];
  assert.equal(asJson.length, 2);
  const ndjson = ok(await p.agentctl("send", "echo", "twice", "-q", "--ndjson"));
  assert.equal(ndjson.split("\n").length, 3);
  const gone = await p.agentctl("send", "ehco", "x", "-q");
  assert.equal(gone.code, 3);
  assert.match(gone.stderr, /There is no agent "ehco"\nDid you mean echo\?.*agentctl list\n$/);
});
