import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { start } from "../../scripts/agentd.ts";
import type { Daemon } from "../../scripts/agentd.ts";
import type { Spent, TickOutput, TickRecord } from "../../src/index.ts";
import { listen } from "../../src/models/scripted-listener.ts";
import { scriptedServer } from "../../src/models/scripted.ts";

const CONFIG = new URL("think.config.ts", import.meta.url);
/** Calls of the tool; there is one more of the model. */
const PARTS = 5;

void test("an agentd that is killed in a call of the model and in one of a tool ends the task, and repeats only those", async (t) => {
  const data = mkdtempSync(join(tmpdir(), "openagents-think-"));
  t.after(() => rmSync(data, { recursive: true, force: true }));
  let killed = 0;
  let kill = (): Promise<void> => Promise.resolve();
  /** Kills the daemon once, in the middle of what it waits for. */
  const killAt = async (nth: number): Promise<void> => {
    if (killed !== nth) return;
    killed += 1;
    await kill();
  };
  const model = scriptedServer(async ({ messages }) => {
    const done = messages.filter(({ role }) => role === "tool").length;
    if (done === 2) await killAt(0);
    const usage = { input: 100, output: 10 };
    if (done === PARTS) return { text: "All is done", usage };
    return { toolCalls: [{ name: "work", input: { part: done } }], usage };
  });
  const work: string[] = [];
  await using server = await listen(async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (!pathname.endsWith("/work")) return model(request);
    const part = searchParams.get("part")!;
    work.push(`${part} ${searchParams.get("key")}`);
    if (part === "3") await killAt(1);
    return new Response(`Part ${part} is done`);
  });
  process.env["MODEL_URL"] = server.url;
  const begin = async (): Promise<Daemon> => {
    const daemon = await start(CONFIG, data);
    kill = () => daemon.kill();
    return daemon;
  };
  let daemon = await begin();
  t.after(() => daemon.kill());
  const body = JSON.stringify({ payload: "Work", id: "the-work" });
  const sent = await fetch(`${daemon.url}/agents/worker/send`, {
    method: "POST",
    headers: daemon.headers,
    body,
  });
  assert.ok(sent.ok, await sent.text());
  for (const deaths of [1, 2]) {
    await daemon.ended;
    assert.equal(killed, deaths);
    daemon = await begin();
  }
  const spent = async (): Promise<Spent | undefined> =>
    ((await daemon.get("/agents/worker/status")) as { spent?: Spent }).spent;
  while ((await spent()) === undefined) await sleep(50);
  const cost = 110 * (PARTS + 1);
  assert.deepEqual((await spent())!.total, { usd: cost, tokens: cost });
  const { items } = await daemon.get("/agents/worker/trajectory");
  const rows = (items as readonly { readonly record: string; readonly output?: string }[]).map(
    ({ record, output = "{}" }) => ({
      record: JSON.parse(record) as TickRecord,
      output: JSON.parse(output) as TickOutput,
    }),
  );
  const replies = rows.flatMap(({ output }) => output.replies ?? []);
  assert.deepEqual(
    replies.map(({ payload }) => payload),
    ["All is done"],
  );
  const keys = rows.flatMap(({ record }) => record.steps ?? []).map(({ key }) => key);
  const each = Array.from({ length: PARTS + 1 }, (_, i) => `step:model#${i}`).flatMap((key, i) =>
    i < PARTS ? [key, `step:tool:work#${i}`] : [key],
  );
  assert.deepEqual(keys, each, "the record has each call once");
  assert.equal(model.requests.length, PARTS + 1 + 1, "the call that was cut off is made again");
  assert.deepEqual(
    work.map((line) => line.split(" ")[0]),
    ["0", "1", "2", "3", "3", "4"],
  );
  assert.equal(work[3], work[4], "with the same key");
});
